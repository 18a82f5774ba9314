// SPDX-License-Identifier: Apache-2.0
// All that a run of the simulator changes, laid out by op, by tensor and by device.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "sim/ledger.h"
#include "sim/limits.h"
#include "sim/network.h"
#include "sim/prospect.h"
#include "sim/ready_queue.h"
#include "sim/simulator.h"
#include "sim/timers.h"

namespace allot::sim {

constexpr DeviceId kEverywhere = kMaxDevices;  // home of graph inputs when there is no io device

inline uint64_t bit(DeviceId device) { return uint64_t{1} << device; }

struct OpState {
  uint32_t pending;  // tensors that are not present yet
  DeviceId device;
};

struct TensorState {
  DeviceId home = kEverywhere;
  uint32_t readers = 0;     // at home: consumers and transfers that have not ended, and the end of the run
  uint32_t first_copy = 0;  // one a device, following one another
};

/// All that changes as time goes on. A copy, made between two instants, is a checkpoint: put back, the run goes on from
/// there. Everything else follows from the placement.
struct Course {
  Course(const cluster::Cluster& cluster, size_t most_copies)
      : op_ends(cluster.size()), network(cluster, most_copies), ledger(cluster) {}

  int64_t now = 0;
  uint32_t ended_ops = 0;
  std::vector<OpState> ops;
  std::vector<TensorState> tensors;
  std::vector<int64_t> start_ps;     // by op
  std::vector<graph::OpId> last_op;  // by device: runs, or ran last
  std::vector<ReadyQueue> queues;    // by device
  uint64_t idle = 0, waiting = 0;    // devices that run nothing; devices with ready ops
  Timers op_ends;                    // by device
  Network network;
  Ledger ledger;
};

struct Simulator::State : Course {
  State(const graph::OpGraph& graph, const cost::CostTable& costs, const cluster::Cluster& cluster);

  const Outcome& run(std::span<const DeviceId> placement, const Options& options);

  void begin(std::span<const DeviceId> placement, const Options& options);
  void advance(int64_t until);
  void instant();
  int64_t next_end() const { return std::min(op_ends.earliest(), network.earliest()); }
  void clear();
  void place(std::span<const DeviceId> placement);
  void hold_what_stays();
  void offer_inputs();
  void push_sources();
  void end_what_is_due();
  void start_idle_devices();
  void start(DeviceId device);
  void finish(graph::OpId op);
  void publish(graph::TensorId tensor, DeviceId home);
  void present_everywhere(graph::TensorId tensor);
  void send(graph::TensorId tensor, DeviceId to, bool read_there);
  void handle(Network::Event event);
  void arrive(Copy& copy);
  void input_used(graph::OpId op, graph::TensorId tensor);
  void release(graph::TensorId tensor);
  void make_ready(graph::OpId op, DeviceId device);
  void report();
  void report_timeline();
  bool is_io(const Copy& copy) const;

  const graph::OpGraph& graph;
  const cost::CostTable& costs;
  const cluster::Cluster& cluster;
  const uint32_t devices;
  uint32_t num_inputs = 0;      // of the graph: the first tensors
  std::vector<uint32_t> waits;  // op -> tensors that are not simply there from the start

  // -- of a run
  Options options;
  std::vector<int64_t> duration_ps;  // by op
  std::vector<uint64_t> param_at;    // parameter -> devices that hold it
  std::vector<graph::OpId> due;      // ops that end now
  uint32_t first_transfer = 0;       // copies before it are graph inputs, present from the start
  Prospect* prospect = nullptr;      // if the run may be cut off
  Outcome outcome;
};

}  // namespace allot::sim
