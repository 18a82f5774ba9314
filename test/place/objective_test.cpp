// SPDX-License-Identifier: Apache-2.0
#include "place/objective.h"

#include <catch2/catch.hpp>

#include "base/error.h"
#include "place/evaluator.h"
#include "support/op_graph_builder.h"
#include "support/simple_cluster.h"

using namespace allot;
using place::Evaluator;
using place::Objective;
using place::Problem;
using place::Score;
using place::UnitPlacement;

namespace {

/// a -> b -> c and a -> d; a's tensor has 40 bytes, the others 5; a byte takes a picosecond.
graph::OpGraph fork() {
  test::OpGraphBuilder builder;
  const auto a = builder.op({}, {40});
  const auto b = builder.op({a}, {5});
  builder.op({b}, {5});
  builder.op({a}, {5});
  return builder.build();
}

Problem problem(Objective objective, std::vector<int64_t> op_ps, int64_t memory_bytes = 1000) {
  const auto graph = fork();
  return Problem(graph, test::simple_cluster({.devices = 3, .memory_bytes = memory_bytes}),
                 test::uniform_costs(graph, 3, op_ps), {}, objective);
}

Score score(const Problem& problem, const UnitPlacement& placement) { return Evaluator(problem).score(placement); }

}  // namespace

TEST_CASE("objectives have names") {
  for (const auto& name : place::objective_names()) CHECK(place::name(place::parse_objective(name)) == name);
  CHECK(place::objective_names().size() == 4);
  CHECK_THROWS_AS(place::parse_objective("latencyy"), base::Error);
}

TEST_CASE("latency is the makespan") {
  const Problem p = problem(Objective::latency, {10, 20, 30, 25});
  CHECK(score(p, {0, 0, 0, 0}) == Score{0, 85, 85});
  CHECK(score(p, {0, 0, 0, 1}) == Score{0, 75, 75});  // 10, 40 on the wire, 25
}

TEST_CASE("throughput is the largest load of a device or channel") {
  const Problem p = problem(Objective::throughput, {10, 20, 30, 25});
  CHECK(score(p, {0, 0, 0, 0}).value == 85);
  CHECK(score(p, {0, 0, 0, 1}).value == 60);
  CHECK(score(p, {0, 1, 1, 2}).value == 50);  // b and c; each way from a is busy for 40
  CHECK(score(p, {0, 1, 2, 2}).value == 55);
  CHECK(score(problem(Objective::throughput, {1, 2, 3, 4}), {0, 1, 1, 1}).value == 40);  // sent once
}

TEST_CASE("devices are counted, memory is the fullest device's share") {
  const Problem devices = problem(Objective::devices, {10, 20, 30, 25});
  CHECK(score(devices, {0, 0, 0, 0}) == Score{0, 1, 85});
  CHECK(score(devices, {2, 0, 0, 2}).value == 2);
  CHECK(score(devices, {2, 0, 0, 2}) > score(devices, {0, 0, 0, 0}));
  // Device 0 holds 40 bytes and d's 5, then nothing else at once.
  const Problem memory = problem(Objective::memory, {10, 20, 30, 25}, 90);
  CHECK(score(memory, {0, 1, 1, 0}).value == 500'000);
}

TEST_CASE("scenarios are scored by their weighted mean") {
  Problem p = problem(Objective::latency, {10, 20, 30, 25});
  p.also_serve(std::make_shared<Problem>(problem(Objective::latency, {110, 120, 130, 125})), 3);
  CHECK(score(p, {0, 0, 0, 0}).makespan_ps == (85 + 3 * 485) / 4);  // 385 exactly
  CHECK(score(p, {0, 0, 0, 1}).value == (75 + 3 * 360 + 2) / 4);    // rounded
  CHECK(Evaluator(p).outcome({0, 0, 0, 0}).makespan_ps == 85);
}

TEST_CASE("a scenario must fit, too, and have the same units") {
  Problem p = problem(Objective::latency, {10, 20, 30, 25});
  p.also_serve(std::make_shared<Problem>(problem(Objective::latency, {1, 1, 1, 1}, 44)), 1);
  CHECK(score(p, {0, 0, 0, 0}).overflow_bytes > 0);
  CHECK_THROWS_AS(p.also_serve(std::make_shared<Problem>(problem(Objective::latency, {1, 1, 1, 1})), 0), base::Error);
  const auto graph = [] {
    test::OpGraphBuilder builder;
    builder.op({});
    return builder.build();
  }();
  const auto other =
      std::make_shared<Problem>(graph, test::simple_cluster({.devices = 3}), test::uniform_costs(graph, 3, {1}));
  CHECK_THROWS_WITH(p.also_serve(other, 1), Catch::Contains("1 in 1 units, not 4 in 4"));
}

TEST_CASE("values of objectives read as what they are") {
  CHECK(place::value_text(place::Objective::latency, 412'000'000) == "412 us");
  CHECK(place::value_text(place::Objective::throughput, 1'500'000'000) == "1.50 ms");
  CHECK(place::value_text(place::Objective::devices, 3) == "3");
  CHECK(place::value_text(place::Objective::memory, 412'345) == "41.2 %");
}
