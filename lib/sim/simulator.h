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

struct OutOfMemory {
  DeviceId device = 0;
  int64_t time_ps = 0;
  int64_t over_bytes = 0;      // largest excess over the usable memory during the run
  uint32_t op = graph::kNone;  // the op started last on the device, unless it ended before the first excess
};

/// What a run did. `start_ps`, `end_ps` and `transfers` are filled when Options::timeline is set.
struct Outcome {
  int64_t makespan_ps = 0;
  std::vector<int64_t> busy_ps, peak_bytes;  // by device
  std::vector<int64_t> param_bytes;          // by device: parameters and resident bytes, in blocks
  uint32_t crossings = 0;                    // transfers of op results to consumers on other devices
  uint32_t io_transfers = 0;   // all others: of graph inputs, and of graph outputs to an io device without consumer
  int64_t bytes_moved = 0;     // all transfers
  int64_t overflow_bytes = 0;  // sum over devices of the largest excess; 0 = everything fits
  std::vector<OutOfMemory> out_of_memory;  // one a device
  std::vector<int64_t> start_ps, end_ps;   // by op
  std::vector<Transfer> transfers;         // by start, then tensor, then destination
  bool fits() const { return overflow_bytes == 0; }
};

struct Options {
  bool memory = true;  // off, peak_bytes, param_bytes and overflow_bytes stay 0
  bool timeline = false;
};

/// Semantics (onnx-and-cost 6.2; every rule has a golden test):
/// 1. Each device runs one op at a time. An op is ready when all its tensors are present on its device; ready ops
///    wait in a FIFO ordered by (ready time, op id).
/// 2. Graph inputs are present at time 0 on the io device, or everywhere when none is set. Parameters are resident.
/// 3. When an op ends, each of its tensors, in id order, is sent once to each other device with a consumer, in
///    order of device id; with an io device set, graph outputs are also sent there. Inputs are sent at time 0.
/// 4. A transfer takes Cluster::transfer_ps. With Contention::link it holds every channel of its route: it starts
///    when those that asked for any of these channels earlier have ended (each channel serves in the order of
///    asking). With Contention::free it starts at once. An empty route costs its latency only.
/// 5. At one instant, everything due ends first: transfers (by tensor, destination), then ops (by id), including
///    transfers of no duration that these ask for. Then each idle device starts its first ready op (by device id).
///    Where ops of no duration were started this repeats, before any later instant.
/// 6. Memory, in blocks rounded up to the device's alignment: a tensor is held where it was made from the start of
///    its op until its op, its last local consumer and its last outgoing transfer have ended; a copy from the start
///    of its transfer until its last local consumer has ended; outputs (on the io device if set, else where made)
///    until the end of the run; a graph input from time 0, on the io device or else wherever it has a consumer, until
///    its last consumer and outgoing transfer there have ended; workspace while its op runs; parameters, once a
///    device, and resident bytes always. At one instant what ends is freed before what starts is held, but a block
///    that starts and ends there counts for that instant.
/// 7. The makespan is the time of the last end.
///
/// One instance serves one thread; runs allocate nothing after the first. The arguments must outlive it.
/// O(E min(D, degree) + n log n) a run, where only ops that become ready at one instant out of order need the log.
class Simulator {
 public:
  /// Errors: malformed when times or sizes are so large that a sum of them could overflow (runs of over 50 days).
  Simulator(const graph::OpGraph& graph, const cost::CostTable& costs, const cluster::Cluster& cluster);
  ~Simulator();
  Simulator(Simulator&&) noexcept;

  /// placement [num_ops]: device of each op. Errors: internal for a device out of range or an op placed where it
  /// cannot run; unavailable when two devices that must talk have no route.
  const Outcome& run(std::span<const DeviceId> placement, const Options& options = {});

 private:
  friend class Incremental;
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace allot::sim
