// SPDX-License-Identifier: Apache-2.0
#include <set>

#include <ATen/core/Tensor.h>

#include "base/error.h"
#include "enas/validate.h"
#include "ir/builder.h"
#include "spaces.h"

#include <catch2/catch.hpp>

using namespace allot;

namespace {

/// y = Sum(Relu(x), Tanh(x), Sigmoid(x)), and Concat(Relu(x), Tanh(x)) through a kernel of four channels.
std::shared_ptr<const ir::Model> two_joins(bool unequal = false) {
  ir::Builder graph("g", 18);
  const ir::Str x = graph.input("x", ir::DataType::float32, {2, 2, 3, 3});
  const ir::Str a = graph.add("Relu", {x}), b = graph.add("Tanh", {x}), c = graph.add("Sigmoid", {x});
  const ir::Str odd = unequal ? graph.add("GlobalAveragePool", {c}) : c;
  const auto named = [&](const char* name) {
    graph.nodes().back().name = name;
    graph.nodes().back().outputs[0] = name;
    return ir::Str(name);
  };
  graph.add("Sum", {a, b, odd});
  const ir::Str sum = named("sum");
  graph.add("Concat", {sum, b}, ir::attributes(ir::int_attribute("axis", 1)));
  const ir::Str both = named("both");
  const ir::Str w = graph.initializer("w", ir::DataType::float32, {2, 4, 1, 1}, std::string(32, '\1'));
  graph.add("Conv", {both, w});
  named("y");
  graph.output("y", ir::DataType::float32, {2, 2, 3, 3});
  ir::Model model = graph.finish();
  return std::make_shared<const ir::Model>(onnxio::read(base::Bytes::from(onnxio::serialize(model))));
}

const char* const kSpace = R"(
nas: 1
vars:
  - {name: f, labels: [relu, tanh, sigmoid]}
  - {name: s, kind: subset, labels: [own, other], min: 1}
binds:
  - {node: sum, var: f}
  - {node: both, var: s, slice: [{init: w, axis: 1, block: 2}]}
)";

enas::Space parse(const std::string& text) { return enas::parse_space(config::parse_yaml(text, "space.yaml")); }

/// What goes wrong with the space's text changed in one place.
std::string trouble(const std::string& from, const std::string& to, bool unequal = false) {
  std::string text = kSpace;
  const size_t at = text.find(from);
  REQUIRE(at != std::string::npos);
  text.replace(at, from.size(), to);
  try {
    const enas::Supergraph supergraph(two_joins(unequal), parse(text));
    enas::validate(supergraph, 50);
    return "";
  } catch (const base::Error& error) {
    return error.what();
  }
}

void check_trouble(const std::string& found, const std::string& expected) {
  INFO(found);
  CHECK(found.find(expected) != std::string::npos);
}

}  // namespace

TEST_CASE("a space over any model is read, checked and counted") {
  const enas::Supergraph supergraph(two_joins(), parse(kSpace));
  CHECK(enas::size_of(supergraph.space()).exact == 9);
  CHECK(enas::validate(supergraph, 100).warnings.empty());
  const enas::Child child = supergraph.child(enas::parse_assignment(supergraph.space(), "f=tanh s=other"));
  CHECK(child.name == "s=other");  // f takes no effect
  CHECK(supergraph.child(enas::parse_assignment(supergraph.space(), "f=tanh s=own")).name == "f=tanh s=own");
}

TEST_CASE("every mistake in a space is told, by its place") {
  check_trouble(trouble("vars:", "vars: []\nvariables:"), "variables");
  check_trouble(trouble("labels: [relu", "lables: [relu"), "did you mean 'labels'");
  check_trouble(trouble("binds:\n  - {node: sum, var: f}", "binds:"), "is never bound");
  check_trouble(trouble("node: sum, var: f", "node: sun, var: f"), "no such node");
  check_trouble(trouble("node: sum, var: f", "node: y, var: f"), "is bound and a Conv");
  check_trouble(trouble("node: sum, var: f", "node: sum, var: f, alts: [[0], [1], [1]]"), "overlap");
  check_trouble(trouble("node: sum, var: f", "node: sum, var: f, alts: [[0], [1], [7]]"), "has no input 7");
  check_trouble(trouble("node: sum, var: f", "node: sum, var: f, alts: [[0], [1]]"), "3 are chosen from");
  check_trouble(trouble("axis: 1", "axis: 5"), "slices axis 5 of 'w', which has 4");
  check_trouble(trouble("axis: 1", "axis: 0"), "blocks of 2, and it has 2");
  check_trouble(trouble("init: w", "init: v"), "not stored");
  check_trouble(trouble("min: 1", "min: 0"), "is left without inputs");
  check_trouble(trouble(", slice: [{init: w, axis: 1, block: 2}]", ""), "architecture");
  check_trouble(trouble("nas: 1", "nas: 2"), "between 1 and 1");
  check_trouble(trouble("f, labels: [relu, tanh", "f, labels: [relu, relu"), "a label twice");
  check_trouble(trouble("nas: 1", "nas: 1\norder: [s]"), "leaves 'f' out");
  check_trouble(trouble("nas: 1", "nas: 1 ", true), "unequal shapes");
}

TEST_CASE("an empty set of loose ends is refused") {
  const std::string text = R"(
nas: 1
vars:
  - {name: f, labels: [relu, tanh, sigmoid]}
  - {name: s, kind: subset, labels: [own, other], min: 1}
binds:
  - {node: sum, kind: loose_ends, of: [s], anchors: [own, other, other], alts: [[0], [1], [2]]}
  - {node: both, var: s, slice: [{init: w, axis: 1, block: 2}]}
)";
  std::string edited = text;
  edited.erase(edited.find("  - {name: f"), edited.find("  - {name: s") - edited.find("  - {name: f"));
  const enas::Supergraph supergraph(two_joins(), parse(edited));
  CHECK_THROWS_WITH(supergraph.child(enas::parse_assignment(supergraph.space(), "s=own+other")),
                    Catch::Contains("has no loose ends"));
}

TEST_CASE("the three carriers say the same") {
  for (const std::string& name : enas::space_names()) {
    INFO(name);
    enas::Generated generated = enas::generate(test::small(name), 1);
    const std::string text = enas::to_text(generated.space);
    CHECK(enas::to_text(enas::read_space(generated.model)) == text);
    CHECK(enas::to_text(parse(text)) == text);
    enas::write_space(generated.model, generated.space, enas::Carrier::nodes);
    CHECK_FALSE(generated.model.metadata_value(enas::kSpaceKey));
    CHECK(enas::to_text(enas::read_space(generated.model)) == text);
    enas::strip_space(generated.model);
    CHECK_THROWS_AS(enas::read_space(generated.model), base::Error);
  }
}

TEST_CASE("every assignment has a number and a text") {
  enas::Space space;
  enas::Variable one, some, two;
  one.name = "one", one.labels = {"a", "b", "c"}, one.least = one.most = 1;
  some.name = "some", some.kind = enas::Kind::subset, some.labels = {"a", "b", "c"}, some.least = 1, some.most = 2;
  two.name = "two", two.kind = enas::Kind::k_of, two.labels = {"a", "b", "c"}, two.least = two.most = 2,
  two.repeats = true;
  space.variables = {one, some, two};
  REQUIRE(enas::size_of(space).exact == 3 * 6 * 6);
  std::set<std::string> seen;
  for (uint64_t i = 0; i < 108; ++i) {
    const enas::Assignment assignment = enas::assignment_at(space, i);
    const std::string text = enas::text_of(space, assignment);
    CHECK(seen.insert(text).second);
    CHECK(enas::parse_assignment(space, text) == assignment);
  }
  CHECK_THROWS_WITH(enas::parse_assignment(space, "one=d"), Catch::Contains("names no alternative"));
  CHECK_THROWS_WITH(enas::parse_assignment(space, "on=a"), Catch::Contains("did you mean 'one'"));
  CHECK_THROWS_WITH(enas::parse_assignment(space, "some=a+b+c"), Catch::Contains("has 3 alternatives"));
}
