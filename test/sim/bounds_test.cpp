// SPDX-License-Identifier: Apache-2.0
#include "sim/bounds.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <numeric>

#include "sim/load_bound.h"
#include "sim/random_case.h"
#include "sim/simulator.h"
#include "sim/window_bound.h"
#include "support/random_problem.h"

using namespace allot;

namespace {

std::vector<uint64_t> any_device(const graph::OpGraph& graph, const cost::CostTable& costs) {
  std::vector<uint64_t> allowed(graph.num_units(), ~uint64_t{0} >> (64 - costs.devices));
  for (graph::OpId op = 0; op < graph.num_ops(); ++op)
    for (cluster::DeviceId device = 0; device < costs.devices; ++device)
      if (costs.time(op, device) == cost::kCannotRun) allowed[graph.unit_of[op]] &= ~(uint64_t{1} << device);
  return allowed;
}

sim::Bounds all_bounds(const graph::OpGraph& graph, const cost::CostTable& costs, const cluster::Cluster& cluster) {
  return sim::bounds(graph, costs, cluster, any_device(graph, costs));
}

/// Ops of 100 each that all read `source`, and one that reads them all; a transfer takes `transfer_ps`.
sim::Bounds fork_join(uint32_t branches, uint32_t devices, int64_t transfer_ps) {
  test::OpGraphBuilder builder;
  const auto source = builder.op({});
  std::vector<graph::TensorId> made;
  for (uint32_t i = 0; i < branches; ++i) made.push_back(builder.op({source}));
  builder.op(made);
  const auto graph = builder.build();
  const auto cluster = test::simple_cluster({.devices = devices, .latency_ps = transfer_ps, .bytes_per_s = 1e18});
  return all_bounds(graph, test::uniform_costs(graph, devices, std::vector<int64_t>(branches + 2, 100)), cluster);
}

}  // namespace

TEST_CASE("bounds take each op on its fastest device") {
  test::OpGraphBuilder builder;
  const auto a = builder.op({});
  builder.op({a});
  builder.op({a});
  const auto graph = builder.build();
  const auto costs = test::simple_costs(graph, 2, {4, 9, 7, 3, cost::kCannotRun, 6});
  const auto bounds = sim::bounds(graph, costs);
  CHECK(bounds.critical_path_ps == 4 + 6);
  CHECK(bounds.work_ps == 7);  // 13 / 2, rounded up
  CHECK(bounds.best() == 10);
  CHECK(bounds.parallelism == Approx(1.3));
}

TEST_CASE("bounds of nothing are zero, and absurd times do not overflow") {
  CHECK(sim::bounds({}, test::simple_costs({}, 3, {})).parallelism == 0);
  test::OpGraphBuilder builder;
  builder.op({builder.op({})});
  const auto graph = builder.build();
  const int64_t longest = cost::kCannotRun - 1;
  CHECK(sim::bounds(graph, test::simple_costs(graph, 1, {longest, longest})).critical_path_ps == int64_t{1} << 62);
}

TEST_CASE("no placement beats a bound") {
  for (uint64_t seed = 0; seed < 4000; ++seed) {
    base::Rng rng(seed, 21);
    test::RandomCase c = test::random_case(rng, 1 + rng.below(40));
    std::vector<uint32_t> label(c.graph.num_ops());  // ops of one device, some of them, share units
    for (uint32_t op = 0; op < label.size(); ++op)
      label[op] = op > 0 && c.placement[op] == c.placement[op - 1] && rng.below(3) == 0 ? label[op - 1] : op;
    graph::set_units(c.graph, label);
    std::vector<uint64_t> allowed = any_device(c.graph, c.costs);
    for (uint32_t op = 0; op < c.graph.num_ops(); ++op)
      if (rng.below(4) == 0) allowed[c.graph.unit_of[op]] = uint64_t{1} << c.placement[op];  // pinned
    if (seed % 2 == 0) {
      auto& rules = c.cluster.simulation;
      rules.contention = static_cast<cluster::Contention>(rng.below(5));
      rules.queue = rng.below(2) ? cluster::Queue::fifo : cluster::Queue::priority;
      if (rules.contention != cluster::Contention::share) {
        rules.forwarding = static_cast<cluster::Forwarding>(rng.below(3));
        rules.blocking_transfers = static_cast<cluster::Blocking>(rng.below(3));
      }
      if (rng.below(10) == 0) rules = *cluster::simulation_preset("ort");
      for (auto& device : c.cluster.devices) device.streams = 1 + rng.below(2);
    }
    const sim::Bounds bounds = sim::bounds(c.graph, c.costs, c.cluster, allowed);
    const auto outcome = sim::Simulator(c.graph, c.costs, c.cluster).run(c.placement);
    INFO("seed " << seed << ", by " << bounds.binding());
    const int64_t load_ps = bounds.work_ps;  // within memory
    REQUIRE(std::max({bounds.critical_path_ps, bounds.path_ps}) <= outcome.makespan_ps);
    if (outcome.fits()) REQUIRE(std::max(load_ps, bounds.window_ps) <= outcome.makespan_ps);
  }
}

TEST_CASE("a join waits for transfers or for what runs before it on its device") {
  CHECK(fork_join(2, 2, 1'000'000).path_ps == 400);  // cheaper to stay: 100 + 100 + 100 + 100
  CHECK(fork_join(2, 2, 10).path_ps == 100 + 10 + 100 + 100);
  CHECK(fork_join(2, 2, 10).binding() == "path with transfers");
  CHECK(fork_join(2, 2, 0).best() == 300);
}

TEST_CASE("work between two instants bounds a narrow start and end") {
  // Between a source and a sink of 100 lie 9 ops of 100 for 3 devices.
  const auto bounds = fork_join(9, 3, 0);
  CHECK(bounds.work_ps == 367);
  CHECK(bounds.window_ps == 500);
  CHECK(bounds.binding() == "work within a window");
}

TEST_CASE("windows count the part of an op that cannot be kept out") {
  // Two ops of 10 each on one machine, both wanted within 12: 8 are missing.
  const std::vector<sim::Span> ops{{0, 10, 2, 0}, {0, 10, 2, 0}};
  CHECK(sim::window_bound(ops, 1, 12) == 22);
  CHECK(sim::window_bound(ops, 2, 12) == 12);
}

TEST_CASE("work is shared out by speed") {
  // One device is thrice as fast: a quarter of the work goes to the other.
  const auto graph = graph::layered({.ops = 100, .width = 100});
  std::vector<int64_t> time_ps;
  for (int op = 0; op < 100; ++op) time_ps.insert(time_ps.end(), {1000, 3000});
  const auto bounds = all_bounds(graph, test::simple_costs(graph, 2, time_ps), test::simple_cluster());
  CHECK(bounds.work_ps >= 74'900);
  CHECK(bounds.work_ps <= 75'000);
}

TEST_CASE("each kind of work goes where it is cheap") {
  // Half of the ops take 1 and 10, half take 10 and 1: 50 each at best, though both devices look alike.
  const auto graph = graph::layered({.ops = 100, .width = 100});
  std::vector<int64_t> time_ps;
  for (int op = 0; op < 100; ++op) time_ps.insert(time_ps.end(), {op % 2 ? 1000 : 10'000, op % 2 ? 10'000 : 1000});
  CHECK(all_bounds(graph, test::simple_costs(graph, 2, time_ps), test::simple_cluster()).work_ps == 50'000);
}

TEST_CASE("memory keeps work from the fast device") {
  // Ten parameters of 100; the fast device holds three of them: seven ops run on the slow one.
  test::OpGraphBuilder builder;
  for (int i = 0; i < 10; ++i) builder.op({}, {0}, {builder.param(100)});
  const auto graph = builder.build();
  auto cluster = test::simple_cluster();
  cluster.devices[0].memory_bytes = 300;
  std::vector<int64_t> time_ps;
  for (int op = 0; op < 10; ++op) time_ps.insert(time_ps.end(), {1000, 50'000});
  const auto bounds = all_bounds(graph, test::simple_costs(graph, 2, time_ps), cluster);
  CHECK(bounds.work_ps >= 340'000);
  CHECK(bounds.work_ps <= 350'000);
}
