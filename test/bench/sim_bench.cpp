// SPDX-License-Identifier: Apache-2.0
// Speed of one evaluation, exact or in a fixed order. Placements rotate: a repeated one lets the branch predictor learn
// its run by heart.
//   sim_bench --benchmark_filter=10000 --benchmark_format=json
#include <benchmark/benchmark.h>

#include "base/rng.h"
#include "graph/generate.h"
#include "sim/order_evaluator.h"
#include "sim/simulator.h"
#include "support/simple_cluster.h"

namespace {

using namespace allot;
using Placement = std::vector<cluster::DeviceId>;

constexpr uint32_t kDevices = 4, kPlacements = 16;

/// Blocks of `length` ops in order, each on a device drawn at random.
Placement blocks(uint32_t ops, uint32_t length, base::Rng& rng) {
  Placement placement(ops);
  for (uint32_t op = 0, device = 0; op < ops; placement[op++] = device)
    if (op % length == 0) device = rng.below(kDevices);
  return placement;
}

/// A layered graph on equal devices, and placements of one kind: range(0) ops in blocks of range(1) that share a
/// device, 0 = a device has one block.
struct Task {
  explicit Task(const benchmark::State& state)
      : graph(graph::layered({.ops = static_cast<uint32_t>(state.range(0)), .width = 16, .seed = 1})),
        cluster(test::simple_cluster({.devices = kDevices, .latency_ps = 5'000'000, .bytes_per_s = 50e9})) {
    base::Rng rng(2);
    std::vector<int64_t> op_ps(graph.num_ops());
    for (int64_t& time : op_ps) time = 1'000'000 + rng.below(100'000'000);
    costs = test::uniform_costs(graph, kDevices, op_ps);
    const auto length = static_cast<uint32_t>(state.range(1));
    for (uint32_t i = 0; i < kPlacements; ++i)
      placements.push_back(blocks(graph.num_ops(), length ? length : graph.num_ops() / kDevices - i, rng));
  }

  graph::OpGraph graph;
  cluster::Cluster cluster;
  cost::CostTable costs;
  std::vector<Placement> placements;
};

template <typename Evaluate>
void rotate(benchmark::State& state, const Task& task, const Evaluate& evaluate) {
  uint64_t run = 0;
  for (auto _ : state) benchmark::DoNotOptimize(evaluate(task.placements[run++ % kPlacements]));
  state.SetItemsProcessed(static_cast<int64_t>(run * task.graph.num_ops()));
}

/// range(2): memory.
void exact(benchmark::State& state) {
  const Task task(state);
  sim::Simulator simulator(task.graph, task.costs, task.cluster);
  const bool memory = state.range(2) != 0;
  rotate(state, task,
         [&](const Placement& placement) { return simulator.run(placement, {.memory = memory}).makespan_ps; });
}

void screening(benchmark::State& state) {
  const Task task(state);
  sim::OrderEvaluator evaluator(task.graph, task.costs, task.cluster);
  rotate(state, task, [&](const Placement& placement) { return evaluator.run(placement); });
}

BENCHMARK(exact)
    ->ArgNames({"ops", "block", "memory"})
    ->ArgsProduct({{1000, 10000, 100000, 1000000}, {0, 40, 1}, {0, 1}})
    ->Unit(benchmark::kMillisecond);
BENCHMARK(screening)
    ->ArgNames({"ops", "block"})
    ->ArgsProduct({{1000, 10000, 100000, 1000000}, {0, 40, 1}})
    ->Unit(benchmark::kMillisecond);

}  // namespace

BENCHMARK_MAIN();
