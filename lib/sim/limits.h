// SPDX-License-Identifier: Apache-2.0
// Devices and numbers that the simulator can count with.
#pragma once

#include "cluster/cluster.h"
#include "cost/cost_table.h"
#include "graph/op_graph.h"

namespace allot::sim {

constexpr uint32_t kMaxDevices = 64;  // a set of devices is one word

/// Devices to which a tensor may be sent, at most.
inline uint32_t most_copies(const graph::OpGraph& graph, graph::TensorId tensor, uint32_t devices) {
  const size_t wanted = graph.consumers[tensor].size() + (graph.is_output[tensor] ? 1 : 0);
  return wanted < devices ? static_cast<uint32_t>(wanted) : devices;
}

/// Errors: malformed if a run could outgrow the 64-bit clock (over 50 days) or the byte counts; internal if the
/// parts do not fit together.
void require_simulable(const graph::OpGraph& graph, const cost::CostTable& costs, const cluster::Cluster& cluster);

}  // namespace allot::sim
