// SPDX-License-Identifier: Apache-2.0
// Speed of one exact simulation. Placements rotate: a repeated one lets the branch predictor learn its run by heart.
//   sim_bench --benchmark_filter=10000 --benchmark_format=json
#include <benchmark/benchmark.h>

#include "base/rng.h"
#include "graph/generate.h"
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

/// range(0): ops; range(1): length of the blocks that share a device, 0 = a device has one block; range(2): memory.
void simulate(benchmark::State& state) {
  const auto ops = static_cast<uint32_t>(state.range(0));
  const auto graph = graph::layered({.ops = ops, .width = 16, .seed = 1});
  const auto cluster = test::simple_cluster({.devices = kDevices, .latency_ps = 5'000'000, .bytes_per_s = 50e9});
  base::Rng rng(2);
  std::vector<int64_t> op_ps(ops);
  for (int64_t& time : op_ps) time = 1'000'000 + rng.below(100'000'000);
  const auto costs = test::uniform_costs(graph, kDevices, op_ps);
  std::vector<Placement> placements;
  for (uint32_t i = 0; i < kPlacements; ++i)
    placements.push_back(blocks(ops, state.range(1) ? state.range(1) : ops / kDevices - i, rng));

  sim::Simulator simulator(graph, costs, cluster);
  uint64_t run = 0;
  for (auto _ : state) {
    const auto& outcome = simulator.run(placements[run++ % kPlacements], {.memory = state.range(2) != 0});
    benchmark::DoNotOptimize(outcome.makespan_ps);
  }
  state.SetItemsProcessed(static_cast<int64_t>(run * ops));
}

BENCHMARK(simulate)
    ->ArgNames({"ops", "block", "memory"})
    ->ArgsProduct({{1000, 10000, 100000, 1000000}, {0, 40, 1}, {0, 1}})
    ->Unit(benchmark::kMillisecond);

}  // namespace

BENCHMARK_MAIN();
