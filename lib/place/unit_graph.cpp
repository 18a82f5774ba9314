// SPDX-License-Identifier: Apache-2.0
#include "place/unit_graph.h"

#include <algorithm>

namespace allot::place {
namespace {

struct Edge {
  UnitId from, to;
  int64_t bytes;
};

/// Each pair in both directions, sorted; parallel ones are not joined yet.
std::vector<Edge> edges(const Problem& problem) {
  const auto& graph = problem.graph();
  std::vector<Edge> all;
  std::vector<UnitId> readers;
  for (graph::TensorId tensor = 0; tensor < graph.num_tensors(); ++tensor) {
    if (graph.producer[tensor] == graph::kNone) continue;
    const UnitId home = graph.unit_of[graph.producer[tensor]];
    readers.clear();
    for (const OpId consumer : graph.consumers[tensor]) readers.push_back(graph.unit_of[consumer]);
    std::sort(readers.begin(), readers.end());
    readers.erase(std::unique(readers.begin(), readers.end()), readers.end());
    for (const UnitId reader : readers) {
      if (reader == home) continue;
      all.push_back({home, reader, problem.costs().tensor_bytes[tensor]});
      all.push_back({reader, home, problem.costs().tensor_bytes[tensor]});
    }
  }
  std::sort(all.begin(), all.end(),
            [](const Edge& a, const Edge& b) { return a.from != b.from ? a.from < b.from : a.to < b.to; });
  return all;
}

}  // namespace

UnitGraph unit_graph(const Problem& problem) {
  UnitGraph result;
  const std::vector<Edge> all = edges(problem);
  size_t next = 0;
  for (UnitId unit = 0; unit < problem.graph().num_units(); ++unit) {
    while (next < all.size() && all[next].from == unit) {
      const UnitId to = all[next].to;
      int64_t bytes = 0;
      for (; next < all.size() && all[next].from == unit && all[next].to == to; ++next) bytes += all[next].bytes;
      result.neighbours.push(to);
      result.bytes.push_back(bytes);
    }
    result.neighbours.end_row();
  }
  return result;
}

}  // namespace allot::place
