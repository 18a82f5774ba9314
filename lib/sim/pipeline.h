// SPDX-License-Identifier: Apache-2.0
// Several runs of one placed graph in flight, as micro-batches of a pipeline.
#pragma once

#include <cstdint>
#include <span>

#include "cluster/cluster.h"
#include "cost/cost_table.h"
#include "graph/op_graph.h"

namespace allot::sim {

struct Pipeline {
  uint32_t runs = 0;
  int64_t first_ps = 0;     // until the first result is complete
  int64_t interval_ps = 0;  // between results, mean over the second half of the runs
};

/// Simulates `runs` >= 2 runs whose inputs are all there at the start. Devices take ready ops of the oldest run first,
/// whatever the cluster's queue. Memory is not looked at. Errors: those of Simulator.
Pipeline pipeline(const graph::OpGraph& graph, const cost::CostTable& costs, const cluster::Cluster& cluster,
                  std::span<const cluster::DeviceId> placement, uint32_t runs);

}  // namespace allot::sim
