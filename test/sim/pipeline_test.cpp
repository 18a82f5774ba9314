// SPDX-License-Identifier: Apache-2.0
#include "sim/pipeline.h"

#include <catch2/catch.hpp>

#include "sim/simulator.h"
#include "support/op_graph_builder.h"
#include "support/random_problem.h"

using namespace allot;

TEST_CASE("a pipeline of two stages gives a result as often as its slower stage ends") {
  test::OpGraphBuilder builder;
  builder.output(builder.op({builder.op({}, {1000})}));
  const auto graph = builder.build();
  const auto cluster = test::simple_cluster({.devices = 2, .latency_ps = 5});  // 1,000 bytes take 1,005 ps
  const auto costs = test::uniform_costs(graph, 2, {7'000, 4'000});
  const std::vector<cluster::DeviceId> apart = {0, 1}, together = {0, 0};
  const auto two = sim::pipeline(graph, costs, cluster, apart, 6);
  CHECK(two.runs == 6);
  CHECK(two.first_ps == 7'000 + 1'005 + 4'000);
  CHECK(two.interval_ps == 7'000);
  CHECK(sim::pipeline(graph, costs, cluster, together, 6).interval_ps == 11'000);
}

TEST_CASE("the first of several runs may wait for others, but no interval beats the busiest device") {
  for (uint64_t seed = 0; seed < 30; ++seed) {
    const auto problem = test::random_problem({.ops = 40, .devices = 3, .seed = seed, .forbidden = 0});
    const auto& graph = problem.graph();
    base::Rng rng(seed, 7);
    std::vector<cluster::DeviceId> placement(graph.num_ops());
    for (auto& device : placement) device = rng.below(3);
    const auto alone = sim::Simulator(graph, problem.costs(), problem.cluster()).run(placement);
    const auto many = sim::pipeline(graph, problem.costs(), problem.cluster(), placement, 16);
    int64_t busiest = 0;
    for (const int64_t busy : alone.busy_ps) busiest = std::max(busiest, busy);
    CHECK(many.first_ps >= alone.makespan_ps / 2);
    CHECK(many.interval_ps <= alone.makespan_ps);
    // Over all runs the busiest device is never idle for long: the pipeline keeps up with it.
    CHECK(static_cast<double>(many.interval_ps) >= 0.5 * static_cast<double>(busiest));
  }
}
