// SPDX-License-Identifier: Apache-2.0
#include "sim/bounds.h"

#include <algorithm>

#include "graph/statistics.h"

namespace allot::sim {

Bounds bounds(const graph::OpGraph& graph, const cost::CostTable& costs) {
  std::vector<int64_t> fastest(graph.num_ops());
  const int64_t longest = (int64_t{1} << 62) / std::max(1u, graph.num_ops());  // so that no sum overflows
  int64_t work = 0;
  for (graph::OpId op = 0; op < graph.num_ops(); ++op) {
    const auto times = costs.time_ps.begin() + op * static_cast<std::ptrdiff_t>(costs.devices);
    fastest[op] = *std::min_element(times, times + costs.devices);
    fastest[op] = fastest[op] == cost::kCannotRun ? 0 : std::min(fastest[op], longest);
    work += fastest[op];
  }
  Bounds result;
  result.critical_path_ps = graph::critical_path(graph, fastest).length;
  result.work_ps = work / costs.devices + (work % costs.devices != 0);
  if (result.critical_path_ps > 0)
    result.parallelism = static_cast<double>(work) / static_cast<double>(result.critical_path_ps);
  return result;
}

}  // namespace allot::sim
