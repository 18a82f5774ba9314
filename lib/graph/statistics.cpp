// SPDX-License-Identifier: Apache-2.0
#include "graph/statistics.h"

#include <algorithm>
#include <numeric>

#include "base/error.h"

namespace allot::graph {

Path critical_path(const OpGraph& graph, std::span<const int64_t> weight) {
  const uint32_t ops = graph.num_ops();
  ALLOT_ASSERT(weight.size() == ops);
  std::vector<int64_t> finish(ops);      // longest path that ends with this op
  std::vector<OpId> before(ops, kNone);  // the op ahead of it on that path
  OpId last = kNone;
  for (OpId op = 0; op < ops; ++op) {
    int64_t start = 0;
    for (const OpId predecessor : graph.predecessors[op]) {
      if (before[op] != kNone && finish[predecessor] <= start) continue;
      start = finish[predecessor];
      before[op] = predecessor;
    }
    finish[op] = start + weight[op];
    if (last == kNone || finish[op] > finish[last]) last = op;
  }
  Path path;
  path.length = last == kNone ? 0 : finish[last];
  for (OpId op = last; op != kNone; op = before[op]) path.ops.push_back(op);
  std::reverse(path.ops.begin(), path.ops.end());
  return path;
}

Statistics statistics(const OpGraph& graph) {
  Statistics result;
  result.ops = graph.num_ops();
  result.units = graph.num_units();
  result.tensors = graph.num_tensors();
  result.edges = static_cast<uint32_t>(graph.predecessors.items.size());
  result.param_bytes = std::accumulate(graph.param_bytes.begin(), graph.param_bytes.end(), int64_t{0});
  for (const TensorId tensor : graph.outputs.items) result.activation_bytes += graph.tensor_bytes[tensor];

  std::vector<uint32_t> level(result.ops, 0), width(result.ops, 0);
  for (OpId op = 0; op < result.ops; ++op) {
    for (const OpId predecessor : graph.predecessors[op]) level[op] = std::max(level[op], level[predecessor] + 1);
    result.depth = std::max(result.depth, level[op] + 1);
    result.max_width = std::max(result.max_width, ++width[level[op]]);
  }
  return result;
}

}  // namespace allot::graph
