// SPDX-License-Identifier: Apache-2.0
#include "graph/op_graph.h"

#include <catch2/catch.hpp>

#include "base/error.h"
#include "support/op_graph_builder.h"

using namespace allot;
using graph::OpId;

namespace {
std::vector<uint32_t> row(const base::Csr<uint32_t>& csr, uint32_t index) {
  return {csr[index].begin(), csr[index].end()};
}

/// Op 0 makes t1 and t2 of input t0; op 1 reads both; op 2 reads t2 and the input.
test::OpGraphBuilder two_outputs() {
  test::OpGraphBuilder builder;
  const auto input = builder.input(1);
  const auto first = builder.op({input}, {1, 1});
  builder.op({first + 1, first});
  builder.op({first + 1, input});
  return builder;
}
}  // namespace

TEST_CASE("neighbours are distinct, ascending and without graph inputs") {
  const auto graph = two_outputs().build();
  CHECK(row(graph.consumers, 0) == std::vector<uint32_t>{0, 2});
  CHECK(row(graph.consumers, 2) == std::vector<uint32_t>{1, 2});
  CHECK(row(graph.successors, 0) == std::vector<OpId>{1, 2});
  CHECK(row(graph.predecessors, 0).empty());
  CHECK(row(graph.predecessors, 1) == std::vector<OpId>{0});
}

TEST_CASE("units are numbered by their first op whatever the labels") {
  const auto graph = two_outputs().build({900, 5, 900});
  CHECK(graph.num_units() == 2);
  CHECK(graph.unit_of == std::vector<graph::UnitId>{0, 1, 0});
  CHECK(row(graph.members, 0) == std::vector<OpId>{0, 2});
  CHECK(row(graph.members, 1) == std::vector<OpId>{1});
}

TEST_CASE("a broken invariant is an internal error") {
  const auto good = two_outputs().build();
  const auto breaks = [&](auto&& damage) {
    auto graph = good;
    damage(graph);
    CHECK_THROWS_AS(graph::check_invariants(graph), base::Error);
  };
  breaks([](auto& graph) { graph.producer[1] = 1; });
  breaks([](auto& graph) { std::swap(graph.inputs.items[1], graph.inputs.items[2]); });
  breaks([](auto& graph) { graph.unit_of = {1, 0, 2}; });
  breaks([](auto& graph) { graph.type[0] = 1; });
  breaks([](auto& graph) { graph.tensor_bytes.pop_back(); });
}
