// SPDX-License-Identifier: Apache-2.0
// Costs of ops that a runtime runs as one kernel.
#pragma once

#include <span>
#include <vector>

#include "cluster/cluster.h"
#include "cost/cost_table.h"
#include "graph/fusion.h"

namespace allot::cost {

/// The kernel of a group does the arithmetic of all its members and touches only what enters or leaves the group; it is
/// charged to the main op, the others cost nothing. `tensor_bytes` [num_tensors] of what stays inside becomes 0.
void fuse_costs(std::vector<OpCost>& costs, std::vector<int64_t>& tensor_bytes, const graph::OpGraph& graph,
                const graph::Fusion& fusion);

/// `table` with fused kernels: times by roofline where they are not measured.
CostTable fuse_table(CostTable table, const graph::OpGraph& graph, const graph::Fusion& fusion,
                     const cluster::Cluster& cluster);

/// The fusion that remains when ops are placed: groups that span devices fall apart.
graph::Fusion within_devices(graph::Fusion fusion, const graph::OpGraph& graph,
                             std::span<const cluster::DeviceId> placement);

}  // namespace allot::cost
