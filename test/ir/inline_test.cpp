// SPDX-License-Identifier: Apache-2.0
#include "ir/inline.h"

#include <catch2/catch.hpp>

#include <deque>
#include <set>

#include "base/error.h"
#include "ir/build.h"
#include "ir/values.h"

using namespace allot;
using namespace allot::test;
using Catch::Contains;

namespace {

ir::Node call(ir::Str type, Names inputs, Names outputs, ir::Str name = {}) {
  return node(type, std::move(inputs), std::move(outputs), name, "local");
}

std::string problem(const ir::Model& m) {
  try {
    ir::inline_functions(m);
  } catch (const base::Error& error) {
    CHECK(error.kind() == base::ErrorKind::malformed);
    return error.what();
  }
  return "";
}

std::vector<std::string> types(const ir::Graph& g) {
  std::vector<std::string> result;
  for (const auto& n : g.nodes) result.emplace_back(n.op_type);
  return result;
}

}  // namespace

TEST_CASE("a call becomes the function's body between the call's values") {
  auto m = model(
      graph({"x"}, nodes(node("Neg", {"x"}, {"a"}), call("F", {"a", "x"}, {"b"}, "c1"), call("F", {"b", "x"}, {"y"})),
            {"y"}));
  m.functions.push_back(
      function("F", {"p", "q"}, nodes(node("Add", {"p", "q"}, {"t"}, "add"), node("Relu", {"t"}, {"r"})), {"r"}));
  CHECK(ir::calls_functions(m));
  const auto inlined = ir::inline_functions(m);
  const auto& list = inlined.model.graph.nodes;
  CHECK(types(inlined.model.graph) == std::vector<std::string>{"Neg", "Add", "Relu", "Add", "Relu"});
  CHECK(inlined.call_of == std::vector<uint32_t>{0, 1, 1, 2, 2});
  CHECK(list[1].inputs == Names{"a", "x"});
  CHECK(list[1].name == "c1/add");
  CHECK(list[1].outputs == list[2].inputs);
  CHECK(list[2].outputs == Names{"b"});
  CHECK(list[4].outputs == Names{"y"});
  CHECK(list[1].outputs != list[3].outputs);
  CHECK(inlined.model.functions.empty());
  CHECK_FALSE(ir::calls_functions(inlined.model));
  CHECK(m.graph.nodes.size() == 3);
  ir::resolve(inlined.model);
}

TEST_CASE("attributes come from the call, then from the defaults, else they are absent") {
  auto body = with(with(with(node("Op", {"p"}, {"r"}), reference("from_call", "a")), reference("from_default", "b")),
                   reference("absent", "c"));
  auto f = function("F", {"p"}, nodes(std::move(body)), {"r"});
  f.attributes = {"a", "c"};
  f.attribute_defaults.push_back(attribute("b", 7));
  auto m = model(graph({"x"}, nodes(with(call("F", {"x"}, {"y"}), attribute("a", 3))), {"y"}));
  m.functions.push_back(std::move(f));
  const auto inlined = ir::inline_functions(m);
  const auto& n = inlined.model.graph.nodes.at(0);
  CHECK(n.int_or("from_call", 0) == 3);
  CHECK(n.int_or("from_default", 0) == 7);
  CHECK(n.find("absent") == nullptr);
  CHECK(n.attributes[0].ref_name.empty());
}

TEST_CASE("nested calls expand, attribute references pass through") {
  auto inner = function("Inner", {"p"}, nodes(with(node("Op", {"p"}, {"r"}), reference("k", "k"))), {"r"});
  auto outer =
      function("Outer", {"p"},
               nodes(with(call("Inner", {"p"}, {"t"}), reference("k", "depth")), call("Inner", {"t"}, {"r"})), {"r"});
  auto m = model(graph({"x"}, nodes(with(call("Outer", {"x"}, {"y"}, "c"), attribute("depth", 5))), {"y"}));
  m.functions.push_back(std::move(outer));
  m.functions.push_back(std::move(inner));
  const auto inlined = ir::inline_functions(m);
  CHECK(types(inlined.model.graph) == std::vector<std::string>{"Op", "Op"});
  CHECK(inlined.model.graph.nodes[0].int_or("k", 0) == 5);
  CHECK(inlined.model.graph.nodes[1].find("k") == nullptr);
  CHECK(inlined.model.functions.empty());
  ir::resolve(inlined.model);
}

TEST_CASE("bodies within functions are renamed, calls within bodies are expanded") {
  // The body's own 'x' must not hide the caller's 'x', which the formal input 'p' stands for.
  auto branch = graph({}, nodes(node("Neg", {"p"}, {"x"}), node("Add", {"x", "p"}, {"t"})), {"t"});
  auto f = function("F", {"p", "c"}, nodes(with(node("If", {"c"}, {"r"}), attribute("then_branch", std::move(branch)))),
                    {"r"});
  auto main_branch = graph({}, nodes(call("F", {"x", "c"}, {"z"})), {"z"});
  auto m = model(graph({"x", "c"},
                       nodes(with(node("If", {"c"}, {"y"}), attribute("then_branch", std::move(main_branch)))), {"y"}));
  m.functions.push_back(std::move(f));
  const auto inlined = ir::inline_functions(m);
  CHECK(inlined.call_of == std::vector<uint32_t>{0});
  const auto& outer = *inlined.model.graph.nodes[0].graph("then_branch");
  REQUIRE(types(outer) == std::vector<std::string>{"If"});
  const auto& inner = *outer.nodes[0].graph("then_branch");
  CHECK(inner.nodes[0].inputs == Names{"x"});
  CHECK(inner.nodes[0].outputs[0] != "x");
  CHECK(inner.nodes[1].inputs == Names{inner.nodes[0].outputs[0], "x"});
  CHECK(inner.outputs[0].name == inner.nodes[1].outputs[0]);
  const auto v = ir::resolve(inlined.model);
  CHECK(v.graphs[2].captured == std::vector{v.find("x")});
}

TEST_CASE("names that exist already are avoided") {
  auto m = model(graph({"c/t"}, nodes(call("F", {"c/t"}, {"y"}, "c"), call("F", {"y"}, {"z"}, "c")), {"z"}));
  m.functions.push_back(function("F", {"p"}, nodes(node("Neg", {"p"}, {"t"}), node("Relu", {"t"}, {"r"})), {"r"}));
  const auto inlined = ir::inline_functions(m);
  std::set<ir::Str> names{"c/t"};
  for (const auto& n : inlined.model.graph.nodes) CHECK(names.insert(n.outputs[0]).second);
  ir::resolve(inlined.model);
}

TEST_CASE("outputs that are inputs or absent, and inputs that are absent") {
  auto m = model(graph({"x"}, nodes(call("F", {"x"}, {"same", "", "twice"})), {"same", "twice"}));
  m.functions.push_back(function("F", {"p", "optional"}, nodes(node("Op", {"p", "optional"}, {"r"})), {"p", "r", "r"}));
  const auto inlined = ir::inline_functions(m);
  CHECK(types(inlined.model.graph) == std::vector<std::string>{"Op", "Identity"});
  CHECK(inlined.model.graph.nodes[0].inputs == Names{"x", ""});
  CHECK(inlined.model.graph.nodes[0].outputs == Names{"twice"});
  CHECK(inlined.model.graph.nodes[1].inputs == Names{"x"});
  CHECK(inlined.model.graph.nodes[1].outputs == Names{"same"});
}

TEST_CASE("the call's metadata goes to each inlined node and wins") {
  auto inner = node("Neg", {"p"}, {"r"});
  inner.metadata = {{"layer_ann", "old", {}}, {"kept", "1", {}}};
  auto caller = call("F", {"x"}, {"y"});
  caller.metadata = {{"layer_ann", "new", {}}};
  auto m = model(graph({"x"}, nodes(std::move(caller)), {"y"}));
  m.functions.push_back(function("F", {"p"}, nodes(std::move(inner)), {"r"}));
  const auto inlined = ir::inline_functions(m);
  const auto& metadata = inlined.model.graph.nodes[0].metadata;
  REQUIRE(metadata.size() == 2);
  CHECK((metadata[0].key == "kept" && metadata[1].value == "new"));
}

TEST_CASE("imports merge; a function with another version of a domain stays a call") {
  auto old = function("Old", {"p"}, nodes(call("Fits", {"p"}, {"r"})), {"r"});
  old.opset_imports = {{"", 13, {}}};
  auto fits = function("Fits", {"p"}, nodes(node("Op", {"p"}, {"r"}, "", "extra")), {"r"});
  fits.opset_imports = {{"ai.onnx", 21, {}}, {"extra", 2, {}}};
  auto m = model(graph({"x"}, nodes(call("Old", {"x"}, {"a"}), call("Fits", {"a"}, {"y"})), {"y"}));
  m.functions.push_back(std::move(old));
  m.functions.push_back(std::move(fits));
  m.functions.push_back(function("Unused", {}, {}, {}));
  const auto inlined = ir::inline_functions(m);
  CHECK(types(inlined.model.graph) == std::vector<std::string>{"Old", "Op"});
  CHECK(inlined.model.opset("extra") == 2);
  CHECK(inlined.model.functions.size() == 3);  // Old still calls Fits, Unused was never called
}

TEST_CASE("overloads are told apart") {
  auto one = function("F", {"p"}, nodes(node("One", {"p"}, {"r"})), {"r"});
  auto two = function("F", {"p"}, nodes(node("Two", {"p"}, {"r"})), {"r"});
  two.overload = "v2";
  auto caller = call("F", {"x"}, {"y"});
  caller.overload = "v2";
  auto m = model(graph({"x"}, nodes(std::move(caller)), {"y"}));
  m.functions.push_back(std::move(one));
  m.functions.push_back(std::move(two));
  CHECK(types(ir::inline_functions(m).model.graph) == std::vector<std::string>{"Two"});
}

TEST_CASE("recursion, depth, size and wrong calls are refused") {
  auto m = model(graph({"x"}, nodes(call("A", {"x"}, {"y"})), {"y"}));
  m.functions.push_back(function("A", {"p"}, nodes(call("B", {"p"}, {"r"})), {"r"}));
  m.functions.push_back(function("B", {"p"}, nodes(call("A", {"p"}, {"r"})), {"r"}));
  CHECK_THAT(problem(m), Contains("function 'A': calls itself: A -> B -> A"));

  auto wrong = model(graph({"x"}, nodes(call("A", {"x", "x"}, {"y"}, "n")), {"y"}));
  wrong.functions.push_back(function("A", {"p"}, nodes(node("Neg", {"p"}, {"r"})), {"r"}));
  CHECK_THAT(problem(wrong), Contains("call of function 'A' by 'n': has 2 inputs; the function takes 1"));
  wrong.functions.push_back(function("A", {"p"}, {}, {"p"}));
  CHECK_THAT(problem(wrong), Contains("function 'A': is defined twice"));

  std::deque<std::string> names;
  for (int i = 0; i <= 200; ++i) names.push_back("f" + std::to_string(i));
  const auto tower = [&](int depth, int width) {  // f0 calls f1 width times ...
    auto t = model(graph({"x"}, nodes(call("f0", {"x"}, {"y"})), {"y"}));
    for (int i = 0; i < depth; ++i) {
      std::vector<ir::Node> body;
      for (int k = 0; k < width; ++k) body.push_back(call(names[i + 1], {"p"}, {k == 0 ? "r" : ""}));
      t.functions.push_back(function(names[i], {"p"}, std::move(body), {"r"}));
    }
    t.functions.push_back(function(names[depth], {"p"}, nodes(node("Neg", {"p"}, {"r"})), {"r"}));
    return t;
  };
  CHECK(problem(tower(99, 1)).empty());
  CHECK_THAT(problem(tower(100, 1)), Contains("calls nest deeper than 100"));
  CHECK_THAT(problem(tower(60, 2)), Contains("expand to more than 10000000 nodes"));
}
