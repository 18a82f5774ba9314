// SPDX-License-Identifier: Apache-2.0
#include <set>

#include <ATen/core/Tensor.h>

#include "base/error.h"
#include "enas/constraint.h"
#include "enas/policy.h"
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

TEST_CASE("every mistake in a constraint is told, by its place") {
  const auto said = [](const std::string& expression) {
    return trouble("nas: 1", fmt::format("nas: 1\nconstraints:\n  - {{expr: \"{}\"}}", expression));
  };
  CHECK(said("count(f, relu) <= 1") == "");
  CHECK(said("count(?, '*') - 0.5*count(s, own) > -2") == "");
  check_trouble(said("count(f, relu)"), "compares with nothing");
  check_trouble(said("count(f, relu) <= "), "lacks a number");
  check_trouble(said("count(f, relu <= 1"), "lacks a ')'");
  check_trouble(said("count(f) <= 1"), "lacks a ','");
  check_trouble(said("relu <= 1"), "lacks a number");
  check_trouble(said("count(f, relu) <= 1 2"), "goes on after its bound");
  check_trouble(said("count(f, gelu) <= 1"), "no variable 'f' has a label 'gelu'");
  check_trouble(said("count(f*, relu) <= 1e99"), "goes on after its bound");
  check_trouble(said("count(f, *) + count(s, *) > 9"), "are kept by none of 50");
  check_trouble(trouble("nas: 1", "nas: 1\nconstraints:\n  - {exp: 1}"), "did you mean 'expr'");
}

TEST_CASE("decisions that take no effect count in no constraint") {
  enas::Space space = parse(fmt::format("{}constraints: [{{expr: \"count(f, *) < 1\"}}]\n", kSpace));
  const enas::Supergraph supergraph(two_joins(), std::move(space));
  const auto keeps = [&](const char* text) {
    return enas::keeps_constraints(supergraph, supergraph.child(enas::parse_assignment(supergraph.space(), text)));
  };
  CHECK(keeps("f=tanh s=other"));
  CHECK_FALSE(keeps("f=tanh s=own"));
}

TEST_CASE("whoever proposes architectures keeps constraints") {
  enas::Generated generated = enas::generate(test::small("macro"), 1);
  const std::vector<std::string> expressions = {"count(op*, conv?) + count(op*, 'sep?') == 2", "count(skip*, *) >= 1"};
  for (const std::string& each : expressions)
    generated.space.constraints.push_back(enas::parse_constraint(each, generated.space.variables, "test"));
  const auto model =
      std::make_shared<const ir::Model>(onnxio::read(base::Bytes::from(onnxio::serialize(generated.model))));
  const enas::Supergraph supergraph(model, generated.space);
  const auto check = [&](const std::vector<enas::Assignment>& assignments) {
    for (const enas::Assignment& assignment : assignments) {
      const std::string name = supergraph.child(assignment).name;
      INFO(name);
      size_t convolutions = 0, skips = 0;
      for (size_t at = name.find("=conv"); at != std::string::npos; at = name.find("=conv", at + 1)) ++convolutions;
      for (size_t at = name.find("=sep"); at != std::string::npos; at = name.find("=sep", at + 1)) ++convolutions;
      for (size_t at = name.find("skip"); at != std::string::npos; at = name.find("skip", at + 1))
        skips += name.find("=L", at) < name.find(' ', at);
      REQUIRE(convolutions == 2);
      REQUIRE(skips >= 1);
    }
  };
  for (const std::string& kind : enas::policy_names()) {
    INFO(kind);
    enas::PolicyOptions options;
    options.kind = kind;
    options.population = 4;
    const std::unique_ptr<enas::Policy> policy = enas::make_policy(options, supergraph, 5);
    for (uint32_t step = 0; step < 3; ++step)
      policy->learn(6, step, [&](const std::vector<enas::Assignment>& assignments) {
        check(assignments);
        std::vector<double> rewards;
        for (size_t i = 0; i < assignments.size(); ++i) rewards.push_back(static_cast<double>(i));
        return rewards;
      });
    check(policy->sample(20, 3, 0));
    check(policy->candidates(20, 0));
    CHECK(policy->sample(20, 3, 0) == policy->sample(20, 3, 0));
  }
}

TEST_CASE("the three carriers say the same") {
  for (const std::string& name : enas::space_names()) {
    INFO(name);
    enas::Generated generated = enas::generate(test::small(name), 1);
    const enas::Variable& first = generated.space.variables[0];
    for (const char* bound : {"<= 1", "> -1"})
      generated.space.constraints.push_back(enas::parse_constraint(
          fmt::format("count({}, '{}') {}", first.name, first.labels[0], bound), generated.space.variables, name));
    enas::write_space(generated.model, generated.space, enas::Carrier::model);
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
