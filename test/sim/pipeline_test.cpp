// SPDX-License-Identifier: Apache-2.0
#include "sim/pipeline.h"

#include <algorithm>
#include <catch2/catch.hpp>

#include "base/rng.h"
#include "graph/generate.h"
#include "sim/simulator.h"
#include "support/op_graph_builder.h"
#include "support/simple_cluster.h"

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

TEST_CASE("the oldest run goes first, and no interval beats the busiest device") {
  for (uint64_t seed = 0; seed < 30; ++seed) {
    const auto graph = graph::layered({.ops = 40, .width = 4, .seed = seed});
    const auto cluster = test::simple_cluster(
        {.devices = 3, .latency_ps = 2'000'000, .bytes_per_s = 50e9, .contention = cluster::Contention::free});
    base::Rng rng(seed, 7);
    std::vector<int64_t> op_ps(graph.num_ops());
    for (auto& time : op_ps) time = 1'000'000 + rng.below(99'000'000);
    const auto costs = test::uniform_costs(graph, 3, op_ps);
    std::vector<cluster::DeviceId> placement(graph.num_ops());
    for (auto& device : placement) device = rng.below(3);
    const auto alone = sim::Simulator(graph, costs, cluster).run(placement);
    const auto many = sim::pipeline(graph, costs, cluster, placement, 16);
    const auto busiest = static_cast<double>(*std::max_element(alone.busy_ps.begin(), alone.busy_ps.end()));
    INFO("seed " << seed);
    // Ops do not preempt one another, so that the first run may be held up, but each time by one op of a later run.
    CHECK(many.first_ps < 2 * alone.makespan_ps);
    CHECK(static_cast<double>(many.interval_ps) >= 0.9 * busiest);
    CHECK(static_cast<double>(many.interval_ps) <= 1.1 * busiest);
  }
}
