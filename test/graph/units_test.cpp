// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <catch2/catch.hpp>
#include <set>

#include "base/error.h"
#include "base/rng.h"
#include "graph/build.h"
#include "support/model_builder.h"

using namespace allot;
using graph::BuildOptions;
using test::attr;
using test::ModelBuilder;
using Mode = BuildOptions::Colocation;

namespace {

// The units, each as its ops' names, in order of first op.
using Units = std::vector<std::vector<std::string>>;

graph::OpGraph build(const ir::Model& model, const BuildOptions& options) {
  auto graph = graph::build(graph::prepare(model, {}), options).graph;
  graph::check_invariants(graph);
  return graph;
}

Units units(ModelBuilder& builder, const BuildOptions& options) {
  const ir::Model model = builder.build();
  const auto graph = build(model, options);
  Units result(graph.num_units());
  for (graph::OpId op = 0; op < graph.num_ops(); ++op) result[graph.unit_of[op]].emplace_back(graph.op_names[op]);
  return result;
}

BuildOptions with(Mode mode) {
  BuildOptions options;
  options.colocation = mode;
  return options;
}

// a -> b -> {c, d} -> e -> f
ModelBuilder diamond() {
  ModelBuilder b;
  b.input("x", {4}).node("Relu", {"x"}, {"a"}, {}, "a").node("Relu", {"a"}, {"b"}, {}, "b");
  b.node("Exp", {"b"}, {"c"}, {}, "c").node("Neg", {"b"}, {"d"}, {}, "d");
  b.node("Add", {"c", "d"}, {"e"}, {}, "e").node("Relu", {"e"}, {"f"}, {}, "f").output("f");
  return b;
}

}  // namespace

TEST_CASE("modes: none, chain contraction, and the single-consumer rule that swallows joins") {
  auto b = diamond();
  CHECK(units(b, with(Mode::none)) == Units{{"a"}, {"b"}, {"c"}, {"d"}, {"e"}, {"f"}});
  b = diamond();
  CHECK(units(b, with(Mode::chain)) == Units{{"a", "b"}, {"c"}, {"d"}, {"e", "f"}});
  b = diamond();
  CHECK(units(b, with(Mode::paper)) == Units{{"a", "b", "c", "d", "e", "f"}});
}

TEST_CASE("an intermediate graph output ends a chain") {
  ModelBuilder b;
  b.input("x", {4}).node("Relu", {"x"}, {"a"}, {}, "a").node("Relu", {"a"}, {"b"}, {}, "b").output("a").output("b");
  CHECK(units(b, with(Mode::chain)) == Units{{"a"}, {"b"}});
}

TEST_CASE("chains break where devices differ") {
  for (const Mode mode : {Mode::chain, Mode::paper}) {
    ModelBuilder b;
    b.input("x", {4}).node("Relu", {"x"}, {"a"}, {}, "a").node("Relu", {"a"}, {"b"}, {}, "b");
    b.node("Exp", {"b"}, {"c"}, {}, "c").node("Exp", {"c"}, {"d"}, {}, "d").output("d");
    BuildOptions options = with(mode);
    options.runs_on = [](ir::NodeId node) { return node < 2 ? uint64_t{3} : uint64_t{1}; };
    CHECK(units(b, options) == Units{{"a", "b"}, {"c", "d"}});
  }
}

TEST_CASE("Shape stays with what it measures, and does not break its chain") {
  ModelBuilder b;
  b.input("x", {4, 4}).node("Relu", {"x"}, {"a"}, {}, "a").node("Shape", {"a"}, {"s"}, {}, "shape");
  b.node("Exp", {"a"}, {"e"}, {}, "exp").node("Reshape", {"e", "s"}, {"y"}, {}, "reshape").output("y");
  CHECK(units(b, with(Mode::none)) == Units{{"a", "shape"}, {"exp"}, {"reshape"}});
}

TEST_CASE("sequences keep producers and consumers together") {
  ModelBuilder b;
  b.input("x", {4}).int_scalar("zero", 0).node("Relu", {"x"}, {"a"}, {}, "a");
  b.node("SequenceConstruct", {"a", "x"}, {"s"}, {}, "make").node("SequenceAt", {"s", "zero"}, {"t"}, {}, "at");
  b.node("SequenceLength", {"s"}, {"n"}, {}, "length").node("Exp", {"t"}, {"y"}, {}, "exp").output("y").output("n");
  CHECK(units(b, with(Mode::none)) == Units{{"a"}, {"make", "at", "length"}, {"exp"}});
}

TEST_CASE("quantization wraps its op; a tensor that others read is a boundary") {
  ModelBuilder b;
  b.input("x", {4}, ir::DataType::int8).floats("scale", {0.5f});
  b.node("DequantizeLinear", {"x", "scale"}, {"f"}, {}, "dq").node("Exp", {"f"}, {"e"}, {}, "exp");
  b.node("QuantizeLinear", {"e", "scale"}, {"q"}, {}, "q");
  b.node("DequantizeLinear", {"q", "scale"}, {"g"}, {}, "dq2");
  b.node("Neg", {"g"}, {"n"}, {}, "neg").node("Abs", {"g"}, {"m"}, {}, "abs").output("n").output("m");
  CHECK(units(b, with(Mode::none)) == Units{{"dq", "exp", "q"}, {"dq2"}, {"neg"}, {"abs"}});
}

TEST_CASE("user groups join what their patterns find, and overlapping groups join one another") {
  auto b = diamond();
  BuildOptions options = with(Mode::none);
  options.groups = {{"^a$", "^c$"}, {"^[cd]$"}};
  CHECK(units(b, options) == Units{{"a", "c", "d"}, {"b"}, {"e"}, {"f"}});
  b = diamond();
  options.groups = {{"nothing"}};
  CHECK_THROWS_WITH(units(b, options), Catch::Contains("'nothing'") && Catch::Contains("matches the name of no"));
  b = diamond();
  options.groups = {{"(("}};
  CHECK_THROWS_AS(units(b, options), base::Error);
}

namespace {

ModelBuilder random_model(base::Rng& rng) {
  ModelBuilder b;
  b.input("v0", {1});
  const uint32_t nodes = 2 + rng.below(30), reach = 1 + rng.below(6);
  for (uint32_t i = 1; i <= nodes; ++i) {
    std::vector<std::string> inputs;
    for (uint32_t k = 0; k <= rng.below(3); ++k)
      inputs.push_back("v" + std::to_string(i - 1 - rng.below(std::min(i, reach))));
    b.node("Sum", inputs, {"v" + std::to_string(i)}, {}, "n" + std::to_string(i));
    if (rng.below(4) == 0 || i == nodes) b.output("v" + std::to_string(i));
  }
  return b;
}

// The rules as they are stated, on sets, until nothing changes.
std::vector<uint32_t> slow_fixpoint(const graph::OpGraph& graph, std::vector<uint32_t> unit, bool chain) {
  for (bool changed = true; changed;) {
    changed = false;
    for (const uint32_t u : std::set<uint32_t>(unit.begin(), unit.end())) {
      std::set<uint32_t> consumers, producers_of_consumer;
      bool output = false;
      for (graph::OpId op = 0; op < graph.num_ops(); ++op) {
        if (unit[op] != u) continue;
        for (const auto tensor : graph.outputs[op]) output |= graph.is_output[tensor] != 0;
        for (const auto next : graph.successors[op])
          if (unit[next] != u) consumers.insert(unit[next]);
      }
      if (output || consumers.size() != 1) continue;
      const uint32_t next = *consumers.begin();
      for (graph::OpId op = 0; op < graph.num_ops(); ++op)
        for (const auto before : graph.predecessors[op])
          if (unit[op] == next && unit[before] != next) producers_of_consumer.insert(unit[before]);
      if (chain && producers_of_consumer.size() != 1) continue;
      for (auto& label : unit)
        if (label == next) label = u;
      changed = true;
    }
  }
  return unit;
}

// Labels renumbered by first occurrence.
std::vector<uint32_t> canonical(const std::vector<uint32_t>& labels) {
  std::vector<uint32_t> result, seen;
  for (const uint32_t label : labels) {
    auto found = std::find(seen.begin(), seen.end(), label);
    if (found == seen.end()) found = seen.insert(seen.end(), label);
    result.push_back(static_cast<uint32_t>(found - seen.begin()));
  }
  return result;
}

}  // namespace

TEST_CASE("both merging rules equal a slow statement of themselves") {
  for (uint64_t seed = 0; seed < 300; ++seed) {
    base::Rng rng(seed);
    auto builder = random_model(rng);
    const ir::Model model = builder.build();
    BuildOptions options = with(Mode::none);
    if (seed % 2) options.groups = {{"[1-3]$"}};  // units of several ops, and cycles among them
    const auto plain = build(model, options).unit_of;
    for (const Mode mode : {Mode::chain, Mode::paper}) {
      options.colocation = mode;
      const auto graph = build(model, options);
      CAPTURE(seed, mode == Mode::paper);
      CHECK(graph.unit_of == canonical(slow_fixpoint(graph, plain, mode == Mode::chain)));
    }
  }
}

TEST_CASE("a chain of 100,000 ops is one unit in either mode") {
  ModelBuilder b;
  b.input("v0", {1});
  constexpr int kOps = 100000;
  for (int i = 1; i <= kOps; ++i) b.node("Relu", {"v" + std::to_string(i - 1)}, {"v" + std::to_string(i)});
  b.output("v" + std::to_string(kOps));
  const ir::Model model = b.build();
  const auto planning = graph::prepare(model, {});
  CHECK(graph::build(planning, with(Mode::chain)).graph.num_units() == 1);
  CHECK(graph::build(planning, with(Mode::paper)).graph.num_units() == 1);
}
