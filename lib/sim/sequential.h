// SPDX-License-Identifier: Apache-2.0
// Execution as ONNX Runtime's sequential executor does it: one host thread walks one order of nodes.
#pragma once

#include <memory>
#include <span>

#include "sim/simulator.h"

namespace allot::sim {

/// Semantics (onnx-and-cost 6.2; after ONNX Runtime's GraphViewer, MemcpyTransformer and SequentialExecutor; every rule
/// has a golden test):
/// 1. Devices of kind cpu run on the host's timeline h, all others have a queue of their own, busy until g. The first
///    device of kind cpu is the host.
/// 2. A tensor read on another device is copied there once. A copy from one queue to another goes through the host,
///    where there is one; both steps are crossings.
/// 3. Nodes are ops and copies. They run in the order of a reverse depth-first search from the ops without consumers,
///    last to first: a node runs when all that it waits for has run, of which copies are followed first, then ops, in
///    each case the last (by tensor, by op id) before the others. A copy waits for the op or the copy it reads.
/// 4. An op on the host thread starts at h and blocks it. Any other costs the host a launch (its device's overhead, at
///    most its own time), then starts when its device's queue and its inputs are done.
/// 5. A copy out of a queue blocks the host until the queue and the copy are done. A copy from the host blocks it while
///    it lasts, or (from pinned memory: without `blocking_uploads`) takes its turn in the receiver's queue instead.
/// 6. Graph inputs are on the io device, or everywhere when none is set. Before all else they are copied where they are
///    read, after all else outputs to the io device, both by tensor, then device.
/// 7. Memory is counted in the order of nodes, for that is when the runtime allocates: an op takes its workspace and
///    outputs, a copy its block; then what no later node needs is given back (of rule 6 of Simulator what remains).
///    The time of an excess is the start of the node that caused it.
/// 8. The makespan is the time when the host has run all nodes and every queue is done.
///
/// In the critical chain the launch of an op lies between it and the step before.
///
/// One instance serves one thread; runs allocate nothing after the first. The arguments must outlive it. O(V + E).
class Sequential {
 public:
  /// Errors: those of Simulator.
  Sequential(const graph::OpGraph& graph, const cost::CostTable& costs, const cluster::Cluster& cluster,
             bool blocking_uploads = true);
  ~Sequential();
  Sequential(Sequential&&) noexcept;

  /// As Simulator::run.
  const Outcome& run(std::span<const DeviceId> placement, const Options& options = {});

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace allot::sim
