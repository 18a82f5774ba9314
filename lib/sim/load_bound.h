// SPDX-License-Identifier: Apache-2.0
// The least time in which all work can be shared out among the devices.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "cluster/cluster.h"
#include "cost/cost_table.h"
#include "graph/op_graph.h"

namespace allot::sim {

/// A lower bound on T in the linear programme: each unit in parts on the devices that it may use, no device busier than
/// T (times its streams), none holding more parameters and resident bytes than fit. Any prices give a bound, by
/// duality: p per device's time, adding up to 1, and some per byte of its memory. A subgradient search finds good ones;
/// what remains of the gap is not reported as bound. About 2 million visits of a unit and a device.
struct LoadBound {
  int64_t bound_ps = 0;
  std::vector<double> price;  // by device: p / streams
};
LoadBound load_bound(const graph::OpGraph& graph, const cost::CostTable& costs, const cluster::Cluster& cluster,
                     std::span<const uint64_t> allowed);

}  // namespace allot::sim
