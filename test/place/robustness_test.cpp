// SPDX-License-Identifier: Apache-2.0
#include "place/robustness.h"

#include <memory>

#include <catch2/catch.hpp>

#include "support/op_graph_builder.h"
#include "support/random_problem.h"

using namespace allot;
using place::Comparison;

namespace {

/// Two ops without a common tensor on two equal devices, of `first` and `second` picoseconds.
place::Problem pair_of_ops(int64_t first, int64_t second) {
  test::OpGraphBuilder builder;
  builder.op({});
  builder.op({});
  const auto graph = builder.build();
  return place::Problem(graph, test::simple_cluster(), test::uniform_costs(graph, 2, {first, second}));
}

Comparison of(const place::Problem& problem, const place::UnitPlacement& chosen, const place::UnitPlacement& other) {
  Comparison comparison;
  for (const auto& placement : {other, chosen}) {
    place::MethodResult result;
    result.method = comparison.methods.empty() ? "other" : "chosen";
    result.placement = placement;
    result.score = place::Evaluator(problem).score(placement);
    comparison.methods.push_back(result);
  }
  comparison.best = 1;
  return comparison;
}

}  // namespace

TEST_CASE("what errors of 20 % cannot turn around stays better in every draw") {
  const auto p = pair_of_ops(1000, 1000);  // at most 1200 in parallel, at least 1600 one after the other
  const auto result = place::robustness(p, of(p, {0, 1}, {0, 0}), {});
  REQUIRE(result);
  CHECK(result->runner_up == "other");
  CHECK(result->draws == 200);
  CHECK(result->better == 200);
}

TEST_CASE("where chance decides, the chosen placement stays better about half of the time") {
  // The ops swap devices whose times differ by independent errors of the two kinds of device.
  test::OpGraphBuilder builder;
  builder.op({});
  const auto graph = builder.build();
  auto cluster = test::simple_cluster();
  cluster.devices[1].kind = "cuda";
  const place::Problem p(graph, cluster, test::uniform_costs(graph, 2, {1'000'000}));
  const auto result = place::robustness(p, of(p, {1}, {0}), {.seed = 1});
  REQUIRE(result);
  CHECK(result->better > 70);
  CHECK(result->better < 130);
  const auto again = place::robustness(p, of(p, {1}, {0}), {.seed = 1, .threads = 3});
  CHECK(again->better == result->better);
}

TEST_CASE("equal devices err together, and a placement is not compared with itself") {
  test::OpGraphBuilder builder;
  builder.op({});
  const auto graph = builder.build();
  const place::Problem p(graph, test::simple_cluster(), test::uniform_costs(graph, 2, {1'000'000}));
  CHECK(place::robustness(p, of(p, {1}, {0}), {})->better == 200);
  CHECK_FALSE(place::robustness(p, of(p, {1}, {1}), {}));
}

TEST_CASE("large graphs get fewer draws") {
  const auto p = test::random_problem({.ops = 40'000, .width = 16, .devices = 2, .paired = 0});
  const auto comparison = of(p, place::find_placer("heft").place(p, {}), place::UnitPlacement(40'000, 0));
  CHECK(place::robustness(p, comparison, {})->draws == 50);
}

TEST_CASE("pipelines are compared by their interval") {
  // Two ops in a row on two devices: a longer makespan for the transfer, yet half the interval.
  test::OpGraphBuilder builder;
  builder.op({builder.op({})});
  const auto graph = builder.build();
  const auto cluster = test::simple_cluster({.latency_ps = 500'000});
  const auto costs = test::uniform_costs(graph, 2, {1'000'000, 1'000'000});
  const place::UnitPlacement apart = {0, 1}, together = {0, 0};
  const place::Problem pipeline(graph, cluster, costs, {}, place::Objective::throughput);
  const auto steady = place::robustness(pipeline, of(pipeline, apart, together), {});
  REQUIRE(steady);
  CHECK(steady->better == 200);
  const place::Problem once(graph, cluster, costs);
  CHECK(place::robustness(once, of(once, apart, together), {})->better == 0);
  const place::Problem devices(graph, cluster, costs, {}, place::Objective::devices);
  CHECK_FALSE(place::robustness(devices, of(devices, together, apart), {}));
}

TEST_CASE("all input shapes count by their weights") {
  // Apart is quicker in the first shape and slower in the other, which counts a hundred times as much.
  test::OpGraphBuilder builder;
  builder.op({});
  builder.op({});
  const auto graph = builder.build();
  auto cluster = test::simple_cluster();
  place::Problem problem(graph, cluster, test::uniform_costs(graph, 2, {1'000'000, 1'000'000}));
  auto costs = test::uniform_costs(graph, 2, {1'000'000, 1'000'000});
  costs.time_ps[1 * 2 + 1] = 50'000'000;  // the second op on the second device
  problem.also_serve(std::make_shared<place::Problem>(graph, cluster, costs), 100);
  const auto result = place::robustness(problem, of(problem, {0, 1}, {0, 0}), {});
  REQUIRE(result);
  CHECK(result->better == 0);
}
