// SPDX-License-Identifier: Apache-2.0
// Makespans that no placement can beat.
#pragma once

#include <cstdint>

#include "cluster/cluster.h"
#include "cost/cost_table.h"
#include "graph/op_graph.h"

namespace allot::sim {

struct Bounds {
  int64_t critical_path_ps = 0;  // longest path, each op on its fastest device, transfers free
  int64_t work_ps = 0;           // sum of fastest durations / devices, rounded up
  double parallelism = 0;        // work / critical path, both with fastest devices; 0 for an empty graph
  int64_t best() const { return critical_path_ps > work_ps ? critical_path_ps : work_ps; }
};
/// An op that no device can run counts as taking no time.
Bounds bounds(const graph::OpGraph& graph, const cost::CostTable& costs);

}  // namespace allot::sim
