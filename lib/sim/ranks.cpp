// SPDX-License-Identifier: Apache-2.0
#include "sim/ranks.h"

#include <algorithm>

namespace allot::sim {

void upward_ranks(const graph::OpGraph& graph, const cost::CostTable& costs, const cluster::Cluster& cluster,
                  std::span<const cluster::DeviceId> placement, std::span<int64_t> ranks) {
  for (graph::OpId op = graph.num_ops(); op-- > 0;) {
    const cluster::DeviceId device = placement[op];
    int64_t longest = 0;
    for (const graph::TensorId tensor : graph.outputs[op]) {
      for (const graph::OpId reader : graph.consumers[tensor]) {
        const int64_t transfer_ps = cluster.transfer_ps(device, placement[reader], costs.tensor_bytes[tensor]);
        longest = std::max(longest, transfer_ps + ranks[reader]);
      }
    }
    ranks[op] = costs.time(op, device) + longest;
  }
}

}  // namespace allot::sim
