// SPDX-License-Identifier: Apache-2.0
// Time of each placement method, and how far its makespan is from the lower bound.
//   place_bench --benchmark_filter=heft/100000
#include <benchmark/benchmark.h>

#include "place/placer.h"
#include "support/random_problem.h"

namespace {

using namespace allot;

/// range(0): ops, on 4 unequal devices.
void place_with(benchmark::State& state, const place::Placer& placer) {
  const auto problem =
      test::random_problem({.ops = static_cast<uint32_t>(state.range(0)), .width = 16, .devices = 4, .seed = 1});
  place::UnitPlacement placement;
  for (auto _ : state) placement = placer.place(problem, {});
  const auto score = place::Evaluator(problem).score(placement);
  state.counters["of_bound"] = static_cast<double>(score.makespan_ps) / static_cast<double>(problem.bounds().best());
}

}  // namespace

int main(int argc, char** argv) {
  for (const auto& placer : place::placers())
    benchmark::RegisterBenchmark(placer.name.c_str(), [&placer](benchmark::State& state) { place_with(state, placer); })
        ->Arg(1000)
        ->Arg(10000)
        ->Arg(100000)
        ->Arg(1000000)
        ->Unit(benchmark::kMillisecond);
  benchmark::Initialize(&argc, argv);
  benchmark::RunSpecifiedBenchmarks();
}
