// SPDX-License-Identifier: Apache-2.0
#include "graph/generate.h"

#include <algorithm>
#include <catch2/catch.hpp>

#include "graph/statistics.h"

using namespace allot::graph;

TEST_CASE("layered graphs keep the invariants and follow their options") {
  for (uint64_t seed = 0; seed < 20; ++seed) {
    const OpGraph graph = layered({.ops = 500, .width = 8, .heavy = 0.25, .seed = seed});
    check_invariants(graph);
    CHECK(graph.num_ops() == 500);
    const Statistics stats = statistics(graph);
    CHECK(stats.depth > 500 / 12);  // layers hold 5 to 12 ops
    CHECK(stats.depth <= 500 / 5 + 1);
    CHECK(graph.num_params() > 80);  // 125 expected, standard deviation 10
    CHECK(graph.num_params() < 170);
    for (OpId op = 0; op < graph.num_ops(); ++op) {
      CHECK(graph.inputs[op].size() >= 1);
      CHECK(graph.inputs[op].size() <= 3);
    }
    for (const int64_t bytes : graph.tensor_bytes) CHECK((bytes >= 1 << 10 && bytes <= 4 << 20));
  }
}

TEST_CASE("layered graphs depend on the seed alone") {
  const OpGraph a = layered({.seed = 7}), b = layered({.seed = 7}), c = layered({.seed = 8});
  CHECK(a.inputs.items == b.inputs.items);
  CHECK(a.tensor_bytes == b.tensor_bytes);
  CHECK(a.inputs.items != c.inputs.items);
}

TEST_CASE("what nobody reads is an output") {
  const OpGraph graph = layered({.ops = 100, .seed = 3});
  for (TensorId tensor = 0; tensor < graph.num_tensors(); ++tensor)
    CHECK(bool{graph.is_output[tensor] != 0} == (graph.producer[tensor] != kNone && graph.consumers[tensor].empty()));
}

TEST_CASE("branch blocks split and join") {
  const OpGraph graph = branches(2, 3, 4, 100);
  check_invariants(graph);
  CHECK(graph.num_ops() == 2 * (1 + 3 * 4 + 1));
  const Statistics stats = statistics(graph);
  CHECK(stats.depth == 2 * (1 + 4 + 1));
  CHECK(stats.max_width == 3);
  CHECK(graph.predecessors[13].size() == 3);  // the first join
  CHECK(graph.consumers[1].size() == 3);      // the first split's tensor
}

TEST_CASE("grid ops read the layer below and the step before") {
  const OpGraph graph = grid(3, 5, 8);
  check_invariants(graph);
  CHECK(graph.num_ops() == 15);
  CHECK(graph.num_params() == 3);
  const auto predecessors = graph.predecessors[7];  // layer 1, step 2
  CHECK(std::vector(predecessors.begin(), predecessors.end()) == std::vector<OpId>{2, 6});
  CHECK(statistics(graph).depth == 3 + 5 - 1);
  CHECK(statistics(graph).max_width == 3);
}

TEST_CASE("graphs of no ops are legal") {
  for (const OpGraph& graph : {layered({.ops = 0}), branches(0, 2, 2, 1), grid(0, 4, 1)}) {
    check_invariants(graph);
    CHECK(graph.num_ops() == 0);
  }
}
