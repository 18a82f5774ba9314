// SPDX-License-Identifier: Apache-2.0
#include "ir/values.h"

#include <rapidcheck.h>
#include <catch2/catch.hpp>

#include <deque>
#include <random>

#include "base/error.h"
#include "ir/build.h"

using namespace allot;
using namespace allot::test;
using Catch::Contains;

namespace {

std::string problem(const ir::Model& model) {
  try {
    ir::resolve(model);
  } catch (const base::Error& error) {
    CHECK(error.kind() == base::ErrorKind::malformed);
    return error.what();
  }
  return "";
}

}  // namespace

TEST_CASE("values know producers, consumers and declared types") {
  auto m = model(graph({"x"}, nodes(node("Relu", {"x"}, {"a"}), node("Clip", {"a", "", "w"}, {"y", ""})), {"y"}));
  m.graph.initializers.emplace_back().name = "w";
  m.graph.value_infos = values({"a", "stale"});
  const auto v = ir::resolve(m);
  REQUIRE(v.values.size() == 4);
  const auto a = v.find("a"), y = v.find("y"), w = v.find("w");
  CHECK(v.values[a].producer == 0);
  CHECK(v.values[a].info == &m.graph.value_infos[0]);
  CHECK(v.values[y].info == &m.graph.outputs[0]);
  CHECK(v.values[w].initializer == &m.graph.initializers[0]);
  CHECK(v.values[v.find("x")].is_input);
  CHECK(v.find("stale") == ir::kNone);
  CHECK(std::vector(v.inputs[1].begin(), v.inputs[1].end()) == std::vector{a, ir::kNone, w});
  CHECK(std::vector(v.outputs[1].begin(), v.outputs[1].end()) == std::vector{y, ir::kNone});
  CHECK(v.graphs[0].outputs == std::vector{y});
  CHECK(v.reordered_graphs == 0);
}

TEST_CASE("an initializer may be a graph input, too") {
  auto m = model(graph({"x", "w"}, nodes(node("Add", {"x", "w"}, {"y"})), {"y"}));
  m.graph.initializers.emplace_back().name = "w";
  const auto v = ir::resolve(m);
  CHECK(v.values.size() == 3);
  CHECK(v.values[v.find("w")].is_input);
  CHECK(v.values[v.find("w")].initializer == &m.graph.initializers[0]);
}

TEST_CASE("bodies capture outer values, also through a body that does not use them") {
  auto inner = graph({}, nodes(node("Add", {"a", "x"}, {"i"})), {"i"});
  auto outer = graph({}, nodes(with(node("If", {"c"}, {"o"}), attribute("then_branch", std::move(inner)))), {"o"});
  auto m = model(graph(
      {"x", "c"},
      nodes(with(node("If", {"c"}, {"y"}), attribute("then_branch", std::move(outer))), node("Relu", {"x"}, {"a"})),
      {"y"}));
  const auto v = ir::resolve(m);
  REQUIRE(v.graphs.size() == 3);
  const auto x = v.find("x"), c = v.find("c"), a = v.find("a");
  CHECK(v.graphs[1].captured == std::vector{x, c, a});
  CHECK(v.graphs[2].captured == std::vector{x, a});
  CHECK(v.graphs[1].owner == 0);
  CHECK(v.nodes[v.graphs[2].owner].graph == 1);
  // The If stands first in the file but waits for the Relu whose value its inner body reads.
  CHECK(v.graphs[0].order == std::vector<ir::NodeId>{1, 0});
  CHECK(v.reordered_graphs == 1);
}

TEST_CASE("the innermost of two values of one name is meant") {
  auto body = graph({}, nodes(node("Relu", {"x"}, {"a"}), node("Neg", {"a"}, {"b"})), {"b"});
  auto m = model(graph(
      {"x", "c"},
      nodes(node("Relu", {"x"}, {"a"}), with(node("If", {"c"}, {"y"}), attribute("then_branch", std::move(body)))),
      {"y"}));
  const auto v = ir::resolve(m);
  const ir::NodeId neg = v.graphs[1].first_node + 1;
  CHECK(v.values[v.inputs[neg][0]].graph == 1);
  CHECK(v.graphs[1].captured == std::vector{v.find("x")});
}

TEST_CASE("wrong names are refused with node and value") {
  CHECK_THAT(problem(model(graph({"x"}, nodes(node("Relu", {"q"}, {"y"}, "n1")), {"y"}))),
             Contains("node 'n1' (Relu): reads 'q', which nothing defines"));
  CHECK_THAT(problem(model(graph({"x"}, nodes(node("Relu", {"x"}, {"y"}), node("Neg", {"x"}, {"y"})), {"y"}))),
             Contains("node #1 (Neg): value 'y' is already defined by node #0 (Relu)"));
  CHECK_THAT(problem(model(graph({"x"}, nodes(node("Relu", {"x"}, {"x"})), {"x"}))),
             Contains("value 'x' is already defined by a graph input"));
  CHECK_THAT(problem(model(graph({"x", "x"}, {}, {"x"}))), Contains("graph input 'x'"));
  CHECK_THAT(problem(model(graph({"x"}, {}, {"z"}))), Contains("output 'z' is defined by nothing"));
}

TEST_CASE("one cycle is printed, and a long one is cut") {
  CHECK_THAT(problem(model(graph({"x"},
                                 nodes(node("Add", {"x", "b"}, {"a"}, "n0"), node("Relu", {"a"}, {"b"}, "n1"),
                                       node("Relu", {"b"}, {"y"}, "n2")),
                                 {"y"}))),
             Contains("is part of a cycle: node 'n1' (Relu) -> node 'n0' (Add) -> node 'n1' (Relu)") ||
                 Contains("is part of a cycle: node 'n0' (Add) -> node 'n1' (Relu) -> node 'n0' (Add)"));
  CHECK_THAT(problem(model(graph({}, nodes(node("Relu", {"a"}, {"a"}, "self")), {"a"}))),
             Contains("node 'self' (Relu) -> node 'self' (Relu)"));
  std::deque<std::string> names;
  std::vector<ir::Node> ring;
  constexpr int kNodes = 100000;
  for (int i = 0; i < kNodes; ++i) names.push_back("v" + std::to_string(i));
  for (int i = 0; i < kNodes; ++i) ring.push_back(node("Relu", {names[i]}, {names[(i + 1) % kNodes]}));
  const auto text = problem(model(graph({}, std::move(ring), {"v0"})));
  CHECK_THAT(text, Contains("99992 more"));
  CHECK(text.size() < 1000);
}

TEST_CASE("any order of a sorted graph is put in order, the first in the file first") {
  rc::check([] {
    const int n = *rc::gen::inRange(1, 40);
    std::mt19937 random(static_cast<unsigned>(*rc::gen::inRange(0, 1 << 30)));
    std::deque<std::string> names;
    for (int i = 0; i <= n; ++i) names.push_back("v" + std::to_string(i));
    std::vector<ir::Node> list;
    for (int i = 0; i < n; ++i)
      list.push_back(node("Add", {names[random() % (i + 1)], names[random() % (i + 1)]}, {names[i + 1]}));
    std::shuffle(list.begin(), list.end(), random);
    const auto m = model(graph({"v0"}, std::move(list), {}));
    const auto v = ir::resolve(m);
    std::vector<bool> done(static_cast<size_t>(n));
    const auto ready = [&](ir::NodeId node) {
      for (const auto in : v.inputs[node])
        if (v.values[in].producer != ir::kNone && !done[v.values[in].producer]) return false;
      return true;
    };
    RC_ASSERT(v.graphs[0].order.size() == static_cast<size_t>(n));
    for (const auto next : v.graphs[0].order) {  // a slow, obvious reference
      ir::NodeId expected = 0;
      while (done[expected] || !ready(expected)) ++expected;
      RC_ASSERT(next == expected);
      done[next] = true;
    }
  });
}

TEST_CASE("a chain, a star and many consumers of a hundred thousand nodes resolve") {
  constexpr int kNodes = 100000;
  std::deque<std::string> names;
  for (int i = 0; i <= kNodes; ++i) names.push_back("v" + std::to_string(i));
  std::vector<ir::Node> list;
  ir::Node concat = node("Concat", {}, {"out"});
  for (int i = kNodes; i-- > 0;) {  // last first: everything must be reordered
    list.push_back(node("Add", {names[i], "v0"}, {names[i + 1]}));
    concat.inputs.push_back(names[i + 1]);
  }
  list.push_back(std::move(concat));
  const auto m = model(graph({"v0"}, std::move(list), {"out"}));
  const auto v = ir::resolve(m);
  CHECK(v.reordered_graphs == 1);
  CHECK(v.graphs[0].order.front() == kNodes - 1);
  CHECK(v.graphs[0].order.back() == kNodes);
}
