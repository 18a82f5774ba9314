// SPDX-License-Identifier: Apache-2.0
// All that a run of the simulator changes, laid out by op, by tensor and by device.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "sim/critical_log.h"
#include "sim/ledger.h"
#include "sim/limits.h"
#include "sim/network.h"
#include "sim/prospect.h"
#include "sim/ready_queues.h"
#include "sim/simulator.h"
#include "sim/timers.h"

namespace allot::sim {

constexpr DeviceId kEverywhere = kMaxDevices;  // home of graph inputs when there is no io device

inline uint64_t bit(DeviceId device) { return uint64_t{1} << device; }

struct OpState {
  uint32_t pending;  // tensors that are not present yet
  DeviceId device;
};

/// Whose block the one output of an op may live in.
enum class Reuse : uint8_t { none, alias, in_place };

struct TensorState {
  DeviceId home = kEverywhere;
  uint32_t readers = 0;     // of its block at home: consumers and transfers that have not ended, the end of the run
  uint32_t first_copy = 0;  // one a device, following one another
  uint32_t block = 0;       // that it lives in at home: see State::root
};

/// All that changes as time goes on. A copy, made between two instants, is a checkpoint: put back, the run goes on from
/// there. Everything else follows from the placement.
struct Course {
  Course(const graph::OpGraph& graph, const cluster::Cluster& cluster);

  int64_t now = 0;
  uint32_t ended_ops = 0;
  std::vector<OpState> ops;
  std::vector<TensorState> tensors;
  std::vector<int64_t> start_ps;       // by op
  std::vector<graph::OpId> last_op;    // by device: started last
  std::vector<graph::OpId> stream_op;  // by stream: runs, or ran last
  std::vector<uint64_t> free_streams;  // by device
  ReadyQueues queues;
  int64_t flash_ps = -1;           // when an op of no duration was started last
  uint64_t idle = 0, blocked = 0;  // devices with a free stream; devices that transfers hold
  Timers op_ends;                  // by stream: of its op, or of its rest
  Timers unblocked;                // by device
  Network network;
  Ledger ledger;
};

struct Simulator::State : Course {
  State(const graph::OpGraph& graph, const cost::CostTable& costs, const cluster::Cluster& cluster);

  const Outcome& run(std::span<const DeviceId> placement, const Options& options);

  void begin(std::span<const DeviceId> placement, const Options& options);
  void advance(int64_t until);
  void instant();
  int64_t next_end() const { return std::min({op_ends.earliest(), network.earliest(), unblocked.earliest()}); }

  // -- before and after (simulator_state.cpp)
  void find_reuse();
  void clear();
  void place(std::span<const DeviceId> placement);
  void hold_what_stays();
  void report();
  void report_timeline();
  void report_critical();
  bool is_io(const Copy& copy) const;

  // -- events, rules 1 to 5 (simulator.cpp)
  void push_sources();
  void offer_inputs();
  void end_what_is_due();
  void start_idle_devices();
  void start(DeviceId device);
  void finish(graph::OpId op);
  bool rests(uint32_t stream);
  void free_stream(uint32_t stream);
  void publish(graph::TensorId tensor, DeviceId home, graph::OpId producer);
  void present_everywhere(graph::TensorId tensor);
  void send(graph::TensorId tensor, DeviceId to, bool read_there);
  void send_once(graph::TensorId tensor, uint64_t targets, uint64_t read_at);
  void count_transfer(graph::TensorId tensor, bool read_there);
  void handle(Network::Event event);
  bool has_twin(uint32_t copy) const;
  void receive(uint32_t index);
  void arrive(uint32_t index);
  void make_ready(graph::OpId op, DeviceId device, uint32_t node);
  void block_ends(DeviceId from, DeviceId to);
  void unblock_devices();

  // -- rule 6 (simulator_memory.h)
  /// The block that a tensor lives in on a device: t for what tensor t took at home, num_tensors + c for copy c.
  uint32_t root(graph::TensorId tensor, DeviceId device) const;
  uint32_t& readers(uint32_t block);
  void take_outputs(graph::OpId op);
  uint32_t block_to_reuse(graph::OpId op);
  void hold(graph::TensorId tensor, uint32_t reasons);
  void input_used(graph::OpId op, graph::TensorId tensor);
  void release(graph::TensorId tensor);
  void give_back(graph::TensorId tensor);
  void release_copy(uint32_t index);
  int64_t since(graph::TensorId tensor) const;
  uint32_t copy_at(graph::TensorId tensor, DeviceId device) const;
  std::vector<Held> largest_held(DeviceId device) const;

  const graph::OpGraph& graph;
  const cost::CostTable& costs;
  const cluster::Cluster& cluster;
  const cluster::Simulation rules;
  const uint32_t devices;
  uint32_t num_inputs = 0;              // of the graph: the first tensors
  std::vector<uint32_t> waits;          // op -> tensors that are not simply there from the start
  std::vector<uint32_t> first_stream;   // by device
  std::vector<DeviceId> stream_device;  // by stream
  bool shares_blocks = false;           // some op may live in the block of an input
  std::vector<Reuse> reuse;             // by op, where shares_blocks

  // -- of a run
  Options options;
  std::vector<int64_t> duration_ps;  // by op
  std::vector<int64_t> ranks;        // by op: priorities, where none are given
  std::vector<uint64_t> param_at;    // parameter -> devices that hold it
  std::vector<graph::OpId> due;      // ops that end now
  uint32_t first_transfer = 0;       // copies before it are graph inputs, present from the start
  Prospect* prospect = nullptr;      // if the run may be cut off
  CriticalLog critical;
  Outcome outcome;
};

}  // namespace allot::sim
