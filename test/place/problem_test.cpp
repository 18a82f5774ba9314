// SPDX-License-Identifier: Apache-2.0
#include "place/evaluator.h"

#include <catch2/catch.hpp>

#include "base/error.h"
#include "support/op_graph_builder.h"
#include "support/random_problem.h"
#include "support/simple_cluster.h"

using namespace allot;
using place::Problem;

namespace {

/// conv1 -> relu1 -> conv2, where conv1 and relu1 are one unit.
graph::OpGraph three_ops() {
  test::OpGraphBuilder builder;
  const auto a = builder.op({});
  builder.name("conv1");
  const auto b = builder.op({a});
  builder.name("relu1");
  builder.op({b});
  builder.name("conv2");
  return builder.build({0, 0, 1});
}

using Rules = std::vector<cluster::Constraints::Rule>;

cluster::Constraints rules(const Rules& pin, const Rules& deny) {
  cluster::Constraints constraints;
  constraints.pin = pin;
  constraints.deny = deny;
  return constraints;
}
cluster::Constraints pin(const Rules& pins) { return rules(pins, {}); }
cluster::Constraints deny(const Rules& denials) { return rules({}, denials); }

Problem problem(const cluster::Constraints& constraints, std::vector<int64_t> time_ps = {1, 2, 3, 4, 5, 6}) {
  auto graph = three_ops();
  auto costs = test::simple_costs(graph, 2, std::move(time_ps));
  return Problem(std::move(graph), test::simple_cluster(), std::move(costs), constraints);
}

base::Error error_of(const cluster::Constraints& constraints, std::vector<int64_t> time_ps = {1, 2, 3, 4, 5, 6}) {
  try {
    problem(constraints, std::move(time_ps));
  } catch (const base::Error& error) {
    return error;
  }
  FAIL("no error");
  throw;
}

std::vector<place::DeviceId> choices(const Problem& p, place::UnitId unit) {
  return {p.choices(unit).begin(), p.choices(unit).end()};
}

bool contains(const base::Error& error, const std::string& text) {
  return std::string(error.what()).find(text) != std::string::npos;
}

constexpr int64_t kNo = cost::kCannotRun;

}  // namespace

TEST_CASE("a unit takes the sum of its ops and runs where all of them can") {
  const Problem p = problem({}, {1, 2, 3, kNo, 5, 6});
  CHECK(p.unit_time_ps(0, 0) == 4);
  CHECK_FALSE(p.allowed(0, 1));
  CHECK(choices(p, 0) == std::vector<place::DeviceId>{0});
  CHECK(choices(p, 1) == std::vector<place::DeviceId>{0, 1});
  CHECK(p.fastest(1) == 0);
  CHECK(p.bounds().critical_path_ps == 1 + 3 + 5);
}

TEST_CASE("pin and deny rules narrow the choices of the whole unit") {
  CHECK(choices(problem(pin({{"relu", {"d1"}}})), 0) == std::vector<place::DeviceId>{1});
  CHECK(choices(problem(pin({{"relu", {"d1"}}})), 1) == std::vector<place::DeviceId>{0, 1});
  CHECK(choices(problem(deny({{"^conv", {"d0"}}})), 0) == std::vector<place::DeviceId>{1});
  CHECK(choices(problem(deny({{"^conv2$", {"d0"}}})), 1) == std::vector<place::DeviceId>{1});
}

TEST_CASE("expand converts units to ops") {
  const Problem p = problem({});
  CHECK(p.expand({1, 0}) == std::vector<place::DeviceId>{1, 1, 0});
}

TEST_CASE("a unit without device names its ops and what forbids each device") {
  const auto error = error_of(deny({{"relu", {"d0"}}}), {1, 2, 3, kNo, 5, 6});
  CHECK(error.kind() == base::ErrorKind::unavailable);
  CHECK(contains(error, "'conv1' (Op), 'relu1' (Op)"));
  CHECK(contains(error, "d0: constraint deny 'relu' applies to 'relu1'"));
  CHECK(contains(error, "d1: cannot run 'relu1' (Op)"));
  const auto contradiction = error_of(pin({{"conv1", {"d0"}}, {"relu1", {"d1"}}}));
  CHECK(contradiction.kind() == base::ErrorKind::unavailable);
  CHECK(contains(contradiction, "d0: constraint pin 'relu1' applies to 'relu1'"));
  CHECK(contains(contradiction, "d1: constraint pin 'conv1' applies to 'conv1'"));
}

TEST_CASE("constraints that name nothing are refused") {
  const auto unknown = error_of(pin({{"conv", {"d2"}}}));
  CHECK(unknown.kind() == base::ErrorKind::config);
  CHECK(contains(unknown, "unknown device 'd2'"));
  const auto idle = error_of(deny({{"pool", {"d0"}}}));
  CHECK(idle.kind() == base::ErrorKind::config);
  CHECK(contains(idle, "deny 'pool'"));
  CHECK(contains(idle, "matches no operation"));
  CHECK(error_of(deny({{"(", {"d0"}}})).kind() == base::ErrorKind::config);
}

TEST_CASE("names of any length can be matched") {
  test::OpGraphBuilder builder;
  builder.op({});
  builder.name(std::string(1'000'000, 'a'));
  const auto graph = builder.build();
  const Problem p(graph, test::simple_cluster(), test::uniform_costs(graph, 2, {1}), pin({{"(a|b)*", {"d1"}}}));
  CHECK(choices(p, 0) == std::vector<place::DeviceId>{1});
}

TEST_CASE("scores put what fits first, then the smaller overflow, then the objective, then the makespan") {
  using place::Score;
  CHECK(Score{0, 100, 100} < Score{1, 1, 1});
  CHECK(Score{5, 100, 100} < Score{6, 1, 1});
  CHECK(Score{0, 1, 9} < Score{0, 2, 3});
  CHECK(Score{0, 1, 2} < Score{0, 1, 3});
  CHECK_FALSE(Score{0, 1, 1} < Score{0, 1, 1});
}

TEST_CASE("an evaluator's score is the simulator's outcome, with memory to spare and without") {
  for (const int64_t memory : {int64_t{1} << 50, int64_t{20} << 20}) {
    const Problem p = test::random_problem({.seed = 4, .memory_bytes = memory});
    place::Evaluator evaluator(p);
    base::Rng rng(1);
    int overflowing = 0;
    for (int i = 0; i < 20; ++i) {
      place::UnitPlacement placement;
      for (place::UnitId unit = 0; unit < p.graph().num_units(); ++unit)
        placement.push_back(p.choices(unit)[rng.below(static_cast<uint32_t>(p.choices(unit).size()))]);
      sim::Simulator simulator(p.graph(), p.costs(), p.cluster());
      const auto& expected = simulator.run(p.expand(placement));
      const auto score = evaluator.score(placement);
      CHECK(score == place::Score{expected.overflow_bytes, expected.makespan_ps, expected.makespan_ps});
      CHECK(evaluator.outcome(placement).peak_bytes == expected.peak_bytes);
      overflowing += score.overflow_bytes > 0;
    }
    CHECK(evaluator.evaluations() == 40);
    CHECK((memory == int64_t{20} << 20) == (overflowing > 0));
  }
}
