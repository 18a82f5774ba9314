// SPDX-License-Identifier: Apache-2.0
#include "sim/order_tables.h"

#include <algorithm>
#include <numeric>

#include "sim/limits.h"

namespace allot::sim {

using graph::OpId;

OrderTables::OrderTables(const graph::OpGraph& g, const cost::CostTable& costs, const cluster::Cluster& c,
                         std::span<const OpId> given)
    : graph(g),
      cluster(c),
      devices(c.size()),
      wires(c),
      transfer_ps(c, costs.tensor_bytes),
      order(given.begin(), given.end()),
      position(g.num_ops(), graph::kNone) {
  require_simulable(graph, costs, cluster);
  while (num_inputs < graph.num_tensors() && graph.producer[num_inputs] == graph::kNone) ++num_inputs;
  first_awaited = cluster.io_device ? 0 : num_inputs;
  if (order.empty()) {
    order.resize(graph.num_ops());
    std::iota(order.begin(), order.end(), 0u);
  }
  ALLOT_ASSERT(order.size() == graph.num_ops());
  for (uint32_t at = 0; at < order.size(); ++at) {
    ALLOT_ASSERT(order[at] < order.size() && position[order[at]] == graph::kNone);
    position[order[at]] = at;
    for (const OpId before : graph.predecessors[order[at]]) ALLOT_ASSERT(position[before] < at);
  }
  find_times(costs);
}

/// A column a kind of device, so that a device's ops, often neighbours, read one stream.
void OrderTables::find_times(const cost::CostTable& costs) {
  for (DeviceId device = 0; device < devices; ++device) {
    const auto equals = [&](DeviceId other) {
      return std::all_of(order.begin(), order.end(),
                         [&](OpId op) { return costs.time(op, device) == costs.time(op, other); });
    };
    DeviceId same = 0;
    while (same < device && !equals(same)) ++same;
    times_begin.push_back(same < device ? times_begin[same] : times_ps.size());
    if (same == device)
      for (const OpId op : order) times_ps.push_back(costs.time(op, device));
  }
}

}  // namespace allot::sim
