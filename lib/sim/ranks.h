// SPDX-License-Identifier: Apache-2.0
// How urgent each op is.
#pragma once

#include <cstdint>
#include <span>

#include "cluster/cluster.h"
#include "cost/cost_table.h"
#include "graph/op_graph.h"

namespace allot::sim {

/// Upward ranks of a placed graph, in picoseconds: an op's duration and the longest way from its end to that of the
/// run, transfers included (Topcuoglu et al. 2002, with the placement known). ranks [num_ops]. No op has a lower
/// rank than one that reads its results. O(V + E).
void upward_ranks(const graph::OpGraph& graph, const cost::CostTable& costs, const cluster::Cluster& cluster,
                  std::span<const cluster::DeviceId> placement, std::span<int64_t> ranks);

}  // namespace allot::sim
