// SPDX-License-Identifier: Apache-2.0
#include "graph/statistics.h"

#include <catch2/catch.hpp>

#include "graph/generate.h"
#include "support/op_graph_builder.h"

using namespace allot;
using graph::OpId;

namespace {

/// 0 -> {1, 2} -> 3, and 4 alone.
graph::OpGraph diamond() {
  test::OpGraphBuilder builder;
  const auto input = builder.input(10);
  const auto a = builder.op({input}, {20});
  const auto b = builder.op({a}, {30}, {builder.param(7)});
  const auto c = builder.op({a}, {40}, {builder.param(8)});
  builder.op({b, c}, {50});
  builder.op({input}, {60});
  return builder.build();
}

}  // namespace

TEST_CASE("the critical path is the heaviest chain") {
  const auto graph = diamond();
  const auto through_c = graph::critical_path(graph, std::vector<int64_t>{1, 2, 3, 4, 5});
  CHECK(through_c.length == 8);
  CHECK(through_c.ops == std::vector<OpId>{0, 2, 3});
  const auto alone = graph::critical_path(graph, std::vector<int64_t>{1, 2, 3, 4, 9});
  CHECK(alone.length == 9);
  CHECK(alone.ops == std::vector<OpId>{4});
  const auto free = graph::critical_path(graph, std::vector<int64_t>{0, 0, 0, 0, 0});
  CHECK(free.length == 0);
  CHECK(free.ops.size() >= 1);
  CHECK(graph::critical_path({}, {}).ops.empty());
}

TEST_CASE("a critical path is a path, and no path is heavier") {
  const auto graph = graph::layered({.ops = 300, .seed = 5});
  std::vector<int64_t> weight(300);
  for (OpId op = 0; op < 300; ++op) weight[op] = (op * 7919) % 101;
  const auto path = graph::critical_path(graph, weight);
  int64_t sum = 0;
  for (size_t i = 0; i < path.ops.size(); ++i) {
    sum += weight[path.ops[i]];
    if (i == 0) continue;
    const auto before = graph.predecessors[path.ops[i]];
    CHECK(std::find(before.begin(), before.end(), path.ops[i - 1]) != before.end());
  }
  CHECK(sum == path.length);
  // Relaxing every edge until nothing changes gives the same length.
  std::vector<int64_t> finish = weight;
  for (bool changed = true; changed;) {
    changed = false;
    for (OpId op = 0; op < 300; ++op)
      for (const OpId next : graph.successors[op])
        if (finish[op] + weight[next] > finish[next]) finish[next] = finish[op] + weight[next], changed = true;
  }
  CHECK(path.length == *std::max_element(finish.begin(), finish.end()));
}

TEST_CASE("statistics count what they say") {
  const auto stats = graph::statistics(diamond());
  CHECK(stats.ops == 5);
  CHECK(stats.units == 5);
  CHECK(stats.tensors == 6);
  CHECK(stats.edges == 4);
  CHECK(stats.depth == 3);
  CHECK(stats.max_width == 2);
  CHECK(stats.param_bytes == 15);
  CHECK(stats.activation_bytes == 200);
}
