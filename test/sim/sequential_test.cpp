// SPDX-License-Identifier: Apache-2.0
// Hand-computed runs for each numbered rule of sequential.h, and 10,000 random ones against a slow reference.
#include "sim/sequential.h"

#include <catch2/catch.hpp>
#include <string>

#include "base/error.h"
#include "base/rng.h"
#include "sim/bounds.h"
#include "sim/outcome_text.h"
#include "sim/sequential_reference.h"
#include "support/op_graph_builder.h"
#include "support/simple_cluster.h"

using namespace allot;
using base::Rng;
using cluster::DeviceId;
using test::OpGraphBuilder;
using Times = std::vector<int64_t>;

namespace {

/// Device 0 is the host, the others have queues and launches of `launch_ps`. A byte takes a picosecond on the wires.
cluster::Cluster accelerated(test::ClusterOptions options = {}, int64_t launch_ps = 1) {
  auto cluster = test::simple_cluster(options);
  for (uint32_t device = 1; device < cluster.size(); ++device) {
    cluster.devices[device].kind = "cuda";
    cluster.devices[device].overhead_ps = launch_ps;
  }
  return cluster;
}

sim::Outcome run(const graph::OpGraph& graph, const cost::CostTable& costs, const cluster::Cluster& cluster,
                 const std::vector<DeviceId>& placement, bool blocking_uploads = true) {
  return sim::Sequential(graph, costs, cluster, blocking_uploads).run(placement, {.memory = true, .timeline = true});
}

}  // namespace

TEST_CASE("rule 1: devices of kind cpu share the host thread") {
  OpGraphBuilder builder;
  builder.op({}, {0});
  builder.op({}, {0});
  const auto graph = builder.build();
  const auto costs = test::uniform_costs(graph, 2, {5, 7});
  CHECK(run(graph, costs, test::simple_cluster(), {0, 1}).makespan_ps == 12);  // the simulator's rules: 7
}

TEST_CASE("rule 2: a copy between two queues goes over the host, and serves all readers") {
  OpGraphBuilder builder;
  const auto made = builder.op({}, {10});  // on device 1: launched by 1, 1-5
  builder.op({made}, {0});                 // on device 2
  builder.op({made}, {0});                 // on device 2
  const auto graph = builder.build();
  const auto outcome = run(graph, test::uniform_costs(graph, 3, {4, 3, 3}), accelerated({.devices = 3}), {1, 2, 2});
  REQUIRE(outcome.transfers.size() == 2);
  CHECK(outcome.crossings == 2);
  CHECK(outcome.transfers[0].to == 0);
  CHECK(outcome.transfers[0].start_ps == 5);
  CHECK(outcome.transfers[1].from == 0);
  CHECK(outcome.transfers[1].end_ps == 25);
  CHECK(outcome.start_ps == Times{1, 29, 26});  // the last op without consumer is followed first
  CHECK(outcome.makespan_ps == 32);
}

TEST_CASE("rule 3: what an op waits for runs last to first, copies before ops") {
  OpGraphBuilder builder;
  const auto a = builder.op({}, {1});  // 0: host
  const auto b = builder.op({}, {1});  // 1: device 1
  const auto c = builder.op({}, {1});  // 2: host
  builder.op({a, b, c}, {0});          // 3: host
  const auto graph = builder.build();
  const auto costs = test::uniform_costs(graph, 2, {10, 20, 30, 5});
  const auto outcome = run(graph, costs, accelerated(), {0, 1, 0, 0});
  // Launch 0-1, op 1 1-21, copy 21-22 blocks the host, op 2 22-52, op 0 52-62, op 3 62-67.
  CHECK(outcome.start_ps == Times{52, 1, 22, 62});
  CHECK(outcome.makespan_ps == 67);
  CHECK(run(graph, costs, accelerated(), {0, 0, 0, 0}).start_ps == Times{50, 30, 0, 60});
}

TEST_CASE("rule 4: launches run ahead of a queue, no further than the time of an op") {
  OpGraphBuilder builder;
  builder.op({}, {0});
  builder.op({}, {0});
  builder.op({}, {0});
  const auto graph = builder.build();
  const auto outcome = run(graph, test::uniform_costs(graph, 2, {10, 2, 6}), accelerated({}, 4), {1, 1, 0});
  // Op 2 on the host 0-6; op 1 launched 6-8, runs 8-10; op 0 launched 8-12, runs 12-22.
  CHECK(outcome.start_ps == Times{12, 8, 0});
  CHECK(outcome.busy_ps == Times{6, 12});
  CHECK(outcome.makespan_ps == 22);
}

TEST_CASE("rule 5: uploads block the host, or wait their turn in the queue") {
  OpGraphBuilder builder;
  const auto a = builder.op({}, {8});  // 0: host 0-2
  builder.op({}, {0});                 // 1: device 1, 20 long
  builder.op({a}, {0});                // 2: device 1
  builder.op({a}, {0});                // 3: host; followed first: host 2-5
  const auto graph = builder.build();
  const auto costs = test::uniform_costs(graph, 2, {2, 20, 4, 3});
  const auto blocking = run(graph, costs, accelerated(), {0, 1, 1, 0});
  CHECK(blocking.transfers[0].start_ps == 5);
  CHECK(blocking.start_ps == Times{0, 18, 14, 2});  // copy 5-13; launches 13-14 and 14-15
  const auto pinned = run(graph, costs, accelerated(), {0, 1, 1, 0}, false);
  CHECK(pinned.transfers[0].start_ps == 5);
  CHECK(pinned.start_ps == Times{0, 17, 13, 2});  // launch 5-6, the queue is done with the copy at 13
}

TEST_CASE("rule 6: inputs come first, outputs last") {
  OpGraphBuilder builder;
  const auto input = builder.input(6);
  const auto made = builder.op({input}, {3});  // device 1
  builder.op({}, {0});                         // host
  builder.output(made);
  const auto graph = builder.build();
  const auto costs = test::uniform_costs(graph, 2, {4, 20});
  const auto outcome = run(graph, costs, accelerated({.io_device = 0}), {1, 0});
  // The copy 0-6, op 1 on the host 6-26, launch 26-27, op 0 27-31, its result 31-34.
  CHECK(outcome.start_ps == Times{27, 6});
  CHECK(outcome.io_transfers == 2);
  CHECK(outcome.crossings == 0);
  CHECK(outcome.makespan_ps == 34);
  CHECK(run(graph, costs, accelerated(), {1, 0}).makespan_ps == 25);  // inputs and outputs where they are used
}

TEST_CASE("rule 7: memory follows the order of nodes, though a queue lags behind") {
  OpGraphBuilder builder;
  const auto a = builder.op({}, {100});
  const auto b = builder.op({a}, {10});
  const auto c = builder.op({b}, {40});
  builder.op({c}, {5});
  const auto graph = builder.build();
  auto costs = test::uniform_costs(graph, 2, {9, 9, 9, 9});
  costs.workspace_bytes = {0, 0, 55, 0};
  const auto outcome = run(graph, costs, accelerated({.memory_bytes = 104}), {1, 1, 1, 1});
  CHECK(outcome.peak_bytes == Times{0, 110});  // 100, 100 + 10, 10 + 40 + 55, 40 + 5
  REQUIRE(outcome.out_of_memory.size() == 1);
  CHECK(outcome.out_of_memory[0].op == 1);
  CHECK(outcome.out_of_memory[0].over_bytes == 6);
  CHECK(outcome.out_of_memory[0].time_ps == outcome.start_ps[1]);
}

TEST_CASE("rule 8: the end waits for queues that nobody reads from") {
  OpGraphBuilder builder;
  builder.op({}, {0});
  builder.op({}, {0});
  const auto graph = builder.build();
  CHECK(run(graph, test::uniform_costs(graph, 2, {3, 50}), accelerated(), {0, 1}).makespan_ps == 51);
  CHECK(run(graph, test::uniform_costs(graph, 2, {50, 3}), accelerated(), {0, 1}).makespan_ps == 51);
}

TEST_CASE("the critical chain leads through the host, copies and queues") {
  OpGraphBuilder builder;
  const auto a = builder.op({}, {8});   // 0: host 0-2, copied 2-10
  const auto b = builder.op({a}, {3});  // 1: device 1, launched 10-11, runs 11-31, copied back 31-34
  builder.op({b}, {0});                 // 2: host 34-38
  const auto graph = builder.build();
  const auto costs = test::uniform_costs(graph, 2, {2, 20, 4});
  const auto cluster = accelerated();
  const auto chain =
      sim::Sequential(graph, costs, cluster).run(std::vector<DeviceId>{0, 1, 0}, {.critical = true}).critical;
  REQUIRE(chain.size() == 5);
  CHECK((chain[0].op == 0 && chain[0].wait == sim::CriticalStep::Wait::none));
  CHECK((chain[1].tensor == a && chain[1].device == 0 && chain[1].to == 1 && chain[1].start_ps == 2));
  CHECK((chain[2].op == 1 && chain[2].start_ps == 11));
  CHECK((chain[3].tensor == b && chain[3].end_ps == 34));
  CHECK((chain[4].op == 2 && chain[4].end_ps == 38));
}

TEST_CASE("a copy without a route is refused") {
  OpGraphBuilder builder;
  builder.op({builder.op({}, {1})}, {0});
  const auto graph = builder.build();
  auto cluster = accelerated();
  cluster.routes[2].reachable = false;  // from 1 to 0
  const auto costs = test::uniform_costs(graph, 2, {1, 1});
  CHECK_THROWS_WITH(run(graph, costs, cluster, {1, 0}), Catch::Contains("no route from device 'd1' to 'd0'"));
  CHECK(run(graph, costs, cluster, {0, 1}).crossings == 1);
}

namespace {

struct Case {
  graph::OpGraph graph;
  cluster::Cluster cluster;
  cost::CostTable costs;
  std::vector<DeviceId> placement;
  bool blocking_uploads;
};

bool chance(Rng& rng, double probability) { return rng.uniform() < probability; }

graph::OpGraph draw_graph(Rng& rng, uint32_t ops) {
  OpGraphBuilder builder;
  std::vector<uint32_t> tensors, params;
  for (uint32_t i = rng.below(4); i > 0; --i) tensors.push_back(builder.input(rng.below(13)));
  for (uint32_t i = rng.below(5); i > 0; --i) params.push_back(builder.param(rng.below(20)));
  const uint32_t reach = 1 + rng.below(2 * ops);  // short: chains; long: anything reads anything
  for (uint32_t op = 0; op < ops; ++op) {
    std::vector<uint32_t> reads, holds;
    for (uint32_t i = tensors.empty() ? 0 : rng.below(4); i > 0; --i)
      reads.push_back(tensors[tensors.size() - 1 - rng.below(std::min<uint32_t>(reach, tensors.size()))]);
    if (!params.empty() && chance(rng, 0.3)) holds = {params[rng.below(static_cast<uint32_t>(params.size()))]};
    std::vector<int64_t> outputs(chance(rng, 0.8) ? 1 : rng.below(4));
    for (int64_t& bytes : outputs) bytes = rng.below(13);
    const uint32_t first = builder.op(reads, outputs, holds);
    for (uint32_t i = 0; i < outputs.size(); ++i) tensors.push_back(first + i);
  }
  for (const uint32_t tensor : tensors)
    if (chance(rng, 0.1)) builder.output(tensor);
  return builder.build();
}

Case draw_case(uint64_t seed) {
  Rng rng(seed, 3);
  const uint32_t ops = seed % 100 == 99 ? 100 + rng.below(200) : 2 + rng.below(40);
  test::ClusterOptions options;
  options.devices = 1 + rng.below(5);
  options.latency_ps = rng.below(4);
  options.memory_bytes = chance(rng, 0.5) ? 1 << 20 : 20 + rng.below(100);
  options.align_bytes = 1 + rng.below(8);
  if (chance(rng, 0.5)) options.io_device = rng.below(options.devices);
  Case result{draw_graph(rng, ops), test::simple_cluster(options), {}, {}, chance(rng, 0.5)};
  for (auto& device : result.cluster.devices) {
    if (chance(rng, 0.6)) device.kind = "cuda";
    device.overhead_ps = rng.below(3);
  }
  std::vector<int64_t> time_ps(size_t{ops} * options.devices);
  for (int64_t& time : time_ps) time = rng.below(6);
  result.costs = test::simple_costs(result.graph, options.devices, std::move(time_ps));
  for (int64_t& bytes : result.costs.workspace_bytes) bytes = chance(rng, 0.3) ? rng.below(30) : 0;
  for (int64_t& bytes : result.costs.resident_bytes) bytes = chance(rng, 0.2) ? rng.below(10) : 0;
  const uint32_t block = chance(rng, 0.5) ? 1 : 1 + rng.below(10);  // neighbours on one device
  for (uint32_t op = 0; op < ops; ++op)
    result.placement.push_back(op % block == 0 ? rng.below(options.devices) : result.placement.back());
  return result;
}

}  // namespace

TEST_CASE("a sequential run equals the slow reference in every field on 10,000 random cases") {
  int overflowing = 0;
  for (uint64_t seed = 0; seed < 10000; ++seed) {
    const Case c = draw_case(seed);
    const auto expected = test::SequentialReference(c.graph, c.costs, c.cluster, c.placement, c.blocking_uploads)();
    sim::Sequential simulator(c.graph, c.costs, c.cluster, c.blocking_uploads);
    const sim::Outcome outcome = simulator.run(c.placement, {.memory = true, .timeline = true});
    INFO("seed " << seed);
    if (test::text(outcome) != test::text(expected))
      FAIL(test::text(outcome) << "\nreference:\n" << test::text(expected));
    CHECK(outcome.makespan_ps >= sim::bounds(c.graph, c.costs).best());
    overflowing += !outcome.fits();
    if (seed % 10 != 0) continue;
    const sim::Outcome lean = simulator.run(c.placement, {.memory = false, .timeline = false});
    CHECK(lean.makespan_ps == outcome.makespan_ps);
    CHECK(lean.busy_ps == outcome.busy_ps);
    CHECK(lean.overflow_bytes == 0);
    CHECK(test::text(simulator.run(c.placement, {.memory = true, .timeline = true})) == test::text(outcome));
  }
  CHECK(overflowing > 1000);
  CHECK(overflowing < 9000);
}
