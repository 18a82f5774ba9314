// SPDX-License-Identifier: Apache-2.0
// How long a run under way will take at least, so that a hopeless one can be cut off.
#pragma once

#include <algorithm>
#include <cstdint>
#include <limits>
#include <vector>

#include "cluster/cluster.h"
#include "cost/cost_table.h"
#include "graph/op_graph.h"
#include "sim/transfer_times.h"

namespace allot::sim {

/// By op: the longest path from its end to the end of a run, each op on its fastest device, transfers free.
std::vector<int64_t> fastest_tails(const graph::OpGraph& graph, const cost::CostTable& costs);

/// The same for one placement: each op where it is, transfers on idle wires.
class PlacedTails {
 public:
  PlacedTails(const graph::OpGraph& graph, const cost::CostTable& costs, const cluster::Cluster& cluster)
      : graph_(graph),
        costs_(costs),
        cluster_(cluster),
        transfer_ps_(cluster, costs.tensor_bytes),
        tails_ps_(graph.num_ops()) {}

  /// The devices of ops before `end` may have changed since the last update.
  void update(const std::vector<cluster::DeviceId>& placement, graph::OpId end);
  const std::vector<int64_t>& ps() const { return tails_ps_; }

 private:
  const graph::OpGraph& graph_;
  const cost::CostTable& costs_;
  const cluster::Cluster& cluster_;
  const TransferTimes transfer_ps_;
  std::vector<int64_t> tails_ps_;
};

/// Follows a run by the starts of its ops. Two bounds: after an op ends there is its tail, and its device has all its
/// ops that have not started. Tails of another placement hold once every op that differs has started, for from then on
/// only ops follow on which both agree.
struct Prospect {
  // -- of the placement
  std::vector<int64_t> work_ps;            // by device: durations of its ops
  const int64_t* sure_tails_ps = nullptr;  // hold for any placement
  const int64_t* near_tails_ps = nullptr;  // hold for a placement that differs in `differs` only
  std::vector<char> differs;               // by op
  int64_t cutoff_ps = std::numeric_limits<int64_t>::max();
  // -- of the run
  std::vector<int64_t> started_ps;  // by device: durations of the ops that have started
  uint32_t still_differ = 0;        // ops that differ and have not started
  int64_t bound_ps = 0;

  bool hopeless() const { return bound_ps > cutoff_ps; }

  void start(graph::OpId op, cluster::DeviceId device, int64_t duration_ps, int64_t end_ps) {
    started_ps[device] += duration_ps;
    const bool near = still_differ == 0;
    still_differ -= differs[op] != 0;
    const int64_t tail_ps = (near ? near_tails_ps : sure_tails_ps)[op];
    bound_ps = std::max(bound_ps, end_ps + std::max(tail_ps, work_ps[device] - started_ps[device]));
  }
};

}  // namespace allot::sim
