// SPDX-License-Identifier: Apache-2.0
#include "sim/prospect.h"

namespace allot::sim {

using graph::OpId;
using graph::TensorId;

std::vector<int64_t> fastest_tails(const graph::OpGraph& graph, const cost::CostTable& costs) {
  std::vector<int64_t> tails_ps(graph.num_ops()), fastest_ps(graph.num_ops());
  for (OpId op = graph.num_ops(); op-- > 0;) {
    const auto times = costs.time_ps.begin() + op * static_cast<std::ptrdiff_t>(costs.devices);
    fastest_ps[op] = *std::min_element(times, times + costs.devices);
    if (fastest_ps[op] == cost::kCannotRun) fastest_ps[op] = 0;
    for (const OpId next : graph.successors[op])
      tails_ps[op] = std::max(tails_ps[op], fastest_ps[next] + tails_ps[next]);
  }
  return tails_ps;
}

void PlacedTails::update(const std::vector<cluster::DeviceId>& placement, OpId end) {
  for (OpId op = end; op-- > 0;) {
    const cluster::DeviceId home = placement[op];
    int64_t tail_ps = 0;
    for (const TensorId tensor : graph_.outputs[op]) {
      const auto sent_ps = [&](cluster::DeviceId to) {
        return to == home ? 0 : transfer_ps_(tensor, home * cluster_.size() + to);
      };
      for (const OpId next : graph_.consumers[tensor])
        tail_ps = std::max(tail_ps, sent_ps(placement[next]) + costs_.time(next, placement[next]) + tails_ps_[next]);
      if (graph_.is_output[tensor] && cluster_.io_device) tail_ps = std::max(tail_ps, sent_ps(*cluster_.io_device));
    }
    tails_ps_[op] = tail_ps;
  }
}

}  // namespace allot::sim
