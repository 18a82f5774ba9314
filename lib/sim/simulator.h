// SPDX-License-Identifier: Apache-2.0
// Exact event-driven execution of a placed op graph, in integer picoseconds.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "cluster/cluster.h"
#include "cost/cost_table.h"
#include "graph/op_graph.h"

namespace allot::sim {

using cluster::DeviceId;

struct Transfer {
  graph::TensorId tensor;
  DeviceId from, to;
  int64_t start_ps, end_ps;
  bool io;  // brings a graph input in, or takes a graph output to an io device without consumer
};

/// Memory held by tensors; several may live in one block.
struct Held {
  graph::TensorId tensor;  // that took the block
  int64_t bytes;
};

struct OutOfMemory {
  DeviceId device = 0;
  int64_t time_ps = 0;
  int64_t over_bytes = 0;       // largest excess over the usable memory during the run
  uint32_t op = graph::kNone;   // the op started last on the device, unless it ended before the first excess
  std::vector<Held> held = {};  // with Options::timeline: the largest blocks there at time_ps, largest first
};

/// From a time on a device holds so many bytes, parameters included.
struct MemoryPoint {
  int64_t time_ps, bytes;
  bool operator==(const MemoryPoint&) const = default;
};

/// A part of the critical chain: an op, or a transfer.
struct CriticalStep {
  enum class Wait : uint8_t { none, data, device, wire };
  graph::OpId op = graph::kNone;          // kNone for a transfer,
  graph::TensorId tensor = graph::kNone;  // else this is
  DeviceId device = 0, to = 0;            // where it runs; where it leads
  int64_t start_ps = 0, end_ps = 0;       // end: no later than the next step starts
  Wait wait = Wait::none;                 // why it did not start earlier: what the step before it kept from it
};

/// What a run did.
struct Outcome {
  int64_t makespan_ps = 0;
  std::vector<int64_t> busy_ps, peak_bytes;  // by device
  std::vector<int64_t> param_bytes;          // by device: parameters and resident bytes, in blocks
  uint32_t crossings = 0;                    // transfers of op results to consumers on other devices
  uint32_t io_transfers = 0;   // all others: of graph inputs, and of graph outputs to an io device without consumer
  int64_t bytes_moved = 0;     // all transfers
  int64_t overflow_bytes = 0;  // sum over devices of the largest excess; 0 = everything fits
  std::vector<OutOfMemory> out_of_memory;  // one a device
  // -- with Options::timeline
  std::vector<int64_t> start_ps, end_ps;         // by op
  std::vector<uint32_t> stream;                  // by op: of its device, the lowest that was free
  std::vector<Transfer> transfers;               // by start, then tensor, then destination
  std::vector<std::vector<MemoryPoint>> memory;  // by device, with Options::memory: from 0 to the makespan; a block
                                                 // that starts and ends at one instant shows as two points of it
  // -- with Options::critical
  std::vector<CriticalStep> critical;  // from time 0 to the makespan, each starts when the one before it ends (and
                                       // what it waited for has rested)
  bool fits() const { return overflow_bytes == 0; }
};

struct Options {
  bool memory = true;  // off, peak_bytes, param_bytes and overflow_bytes stay 0
  bool timeline = false;
  bool critical = false;
  /// By op, for Queue::priority and Queue::order: the largest goes first. Empty: upward ranks (ranks.h).
  std::span<const int64_t> priority = {};
};

/// Semantics (onnx-and-cost 6.2; every rule has a golden test). `s` is Cluster::simulation.
/// 1. Each device runs as many ops at a time as it has streams, each as fast as alone. An op is ready when all its
///    tensors are present on its device. A stream that is free takes one of the ready ops by s.queue: fifo, the first
///    by (ready time, op id); priority, the first by (priority, largest first; ready time; id); order, none but the
///    first by (priority, id) of all ops of the device that were not taken yet. After an op of any duration its stream
///    rests for s.op_gap_ps.
/// 2. Graph inputs are present at time 0 on the io device, or everywhere when none is set. Parameters are resident.
/// 3. When an op ends, each of its tensors, in id order, is sent once to each other device with a consumer, in
///    order of device id; with an io device set, graph outputs are also sent there. Inputs are sent at time 0. With
///    Send::once this is one transfer over all their routes, as long as the slowest takes; each copy still counts.
/// 4. A transfer takes Cluster::transfer_ps. It holds every channel on its way: it starts when those that asked for any
///    of these channels earlier have ended, and rested for s.transfer_gap_ps (each channel serves in the order of
///    asking). Channels are: by s.contention the directions of its links, the sender's bus, or both ends' ports; with
///    copy engines the sender's engine and the receiver's; by s.blocking_transfers the receiver's compute, or both
///    ends', of which each op holds a share from its start to the end of its rest, while no op starts there from when
///    the transfer is asked for until it ends. A route without links costs its latency only. Forwarding::staged and
///    pipelined split the way into legs, a link each, or the sender's port and the receiver's; engine and compute
///    belong to the first leg for the sender, the last for the receiver. All legs are asked for at the same time; each
///    takes Cluster::wire_ps of its own link (a port: of the route) and starts no earlier than its predecessor has
///    ended (staged), or has started (pipelined, then it ends no earlier than that does). With Contention::share a
///    transfer starts at once; its last byte leaves when its rate (fair_share.h) has served its bytes, and arrives
///    after the latency.
/// 5. At one instant, everything due ends first: transfers, then ops (by id), including transfers of no duration that
///    these ask for. Then each device (by id) starts what it can. Where ops of no duration were started this
///    repeats, before any later instant.
/// 6. Memory, in blocks rounded up to the device's alignment: a tensor is held where it was made from the start of
///    its op until its op, its last local consumer and its last outgoing transfer have ended; a copy from the start
///    of its transfer (its last leg) until its last local consumer has ended; outputs (on the io device if set, else
///    where made) until the end of the run; a graph input from time 0, on the io device or else wherever it has a
///    consumer, until its last consumer and outgoing transfer there have ended; workspace while its op runs;
///    parameters, once a device, and resident bytes always. At one instant what ends is freed before what starts is
///    held, but a block that starts and ends there counts for that instant.
///    Ops of class alias with one output take no block where the op reads a tensor of as many bytes: the output lives
///    in the block of the first such input (by id), which is held until all that live in it are done. With s.in_place
///    the same goes for elementwise ops, and the first such input whose block nobody but this op still needs when it
///    starts.
/// 7. The makespan is the time of the last end of an op or a transfer.
/// Semantics::ort plays the rules of sequential.h instead, uploads blocking with s.blocking_transfers.
///
/// One instance serves one thread; runs allocate nothing after the first. The arguments must outlive it.
/// O(E min(D, degree) + n log n) a run, where in fifo only ops that become ready at one instant out of order need the
/// log; contention by share adds what fair_share.h says.
class Simulator {
 public:
  /// Errors: malformed when times or sizes are so large that a sum of them could overflow (runs of over 50 days).
  Simulator(const graph::OpGraph& graph, const cost::CostTable& costs, const cluster::Cluster& cluster);
  ~Simulator();
  Simulator(Simulator&&) noexcept;

  /// placement [num_ops]: device of each op. Errors: internal for a device out of range, an op placed where it
  /// cannot run, or priorities that no Queue::order can keep; unavailable when two devices that must talk have no
  /// route.
  const Outcome& run(std::span<const DeviceId> placement, const Options& options = {});

 private:
  friend class Incremental;
  struct State;
  std::unique_ptr<State> state_;
  std::unique_ptr<class Sequential> sequential_;  // for Semantics::ort
};

}  // namespace allot::sim
