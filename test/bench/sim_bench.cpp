// SPDX-License-Identifier: Apache-2.0
// Speed of one evaluation, exact or in a fixed order. Placements rotate: a repeated one lets the branch predictor learn
// its run by heart.
//   sim_bench --benchmark_filter=10000 --benchmark_format=json
#include <malloc.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <memory>

#include <benchmark/benchmark.h>

#include "base/rng.h"
#include "graph/generate.h"
#include "sim/batch.h"
#include "sim/incremental.h"
#include "sim/order_evaluator.h"
#include "sim/order_incremental.h"
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

size_t allocated() {
  const auto info = mallinfo2();
  return info.uordblks + info.hblkhd;
}

/// What one op occupies, at `edges` reads an op: in the graph, names among it or not; in the table of costs; and in
/// a simulator that has run.
void memory(benchmark::State& state) {
  const auto per_op = [&](size_t bytes) { return static_cast<double>(bytes) / static_cast<double>(state.range(0)); };
  const Task task(state);
  for (auto _ : state) {
    size_t before = allocated();
    auto graph = std::make_unique<graph::OpGraph>(task.graph);
    state.counters["edges"] = per_op(graph->inputs.items.size());
    state.counters["graph"] = per_op(allocated() - before);
    graph->op_names = graph->tensor_names = graph->param_names = {};
    graph::shrink_to_fit(*graph);
    state.counters["unnamed"] = per_op(allocated() - before);
    before = allocated();
    const cost::CostTable costs = task.costs;
    state.counters["costs"] = per_op(allocated() - before);
    before = allocated();
    sim::Simulator simulator(task.graph, task.costs, task.cluster);
    simulator.run(task.placements[0], {.memory = true});
    state.counters["simulator"] = per_op(allocated() - before);
  }
}

int64_t cpu_ns() {
  timespec time;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return time.tv_sec * int64_t{1'000'000'000} + time.tv_nsec;
}

double median(std::vector<double> values) {
  if (values.empty()) return 0;
  std::nth_element(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2), values.end());
  return values[values.size() / 2];
}

template <typename Run>
double ns_of(const Run& run) {
  const int64_t begin = cpu_ns();
  run();
  return static_cast<double>(cpu_ns() - begin);
}

/// One op moved at a time, in parts of a whole run: `median`; `late` for the quarter of the moves whose inputs are made
/// last; `least` is what it costs to put a checkpoint back, or less; `cut` where the makespan may not exceed the
/// base's. Placements as they are drawn, or (range(3)) improved before, by as many accepted moves.
void single_moves(benchmark::State& state) {
  const Task task(state);
  const bool memory = state.range(2) != 0;
  sim::Simulator simulator(task.graph, task.costs, task.cluster);
  sim::Incremental incremental(task.graph, task.costs, task.cluster, memory);
  base::Rng rng(3);
  const auto draw = [&] { return sim::Move{rng.below(task.graph.num_ops()), rng.below(kDevices)}; };
  std::vector<double> whole, all, late, cut;
  double cut_share = 0;
  for (auto _ : state) {
    for (const Placement& placement : task.placements) {
      incremental.reset(placement);
      for (int accepted = 0, tries = 0; accepted < state.range(3) && tries < 50 * state.range(3); ++tries) {
        const auto result = incremental.try_moves(std::array{draw()}, incremental.base().makespan_ps);
        if (result.exact) incremental.accept(), ++accepted;
      }
      const Placement now(incremental.placement().begin(), incremental.placement().end());
      whole.push_back(ns_of([&] { simulator.run(now, {.memory = memory}); }));
      const auto timeline = simulator.run(now, {.memory = memory, .timeline = true});
      std::vector<std::pair<double, double>> by_reach;
      for (int i = 0; i < 40; ++i) {
        const sim::Move move = draw();
        if (now[move.op] == move.device) continue;
        int64_t since = timeline.makespan_ps;
        for (const auto before : task.graph.predecessors[move.op]) since = std::min(since, timeline.end_ps[before]);
        const double ns = ns_of([&] { incremental.try_moves(std::array{move}); });
        by_reach.emplace_back(static_cast<double>(-since), ns);
        all.push_back(ns);
        bool exact = true;
        cut.push_back(ns_of([&] { exact = incremental.try_moves(std::array{move}, timeline.makespan_ps).exact; }));
        cut_share += !exact;
      }
      std::sort(by_reach.begin(), by_reach.end());
      for (size_t i = 0; i < by_reach.size() / 4; ++i) late.push_back(by_reach[i].second);
    }
  }
  double cut_sum = 0;
  for (const double ns : cut) cut_sum += ns;
  state.counters["whole_ms"] = median(whole) * 1e-6;
  state.counters["median"] = median(all) / median(whole);
  state.counters["least"] = *std::min_element(all.begin(), all.end()) / median(whole);
  state.counters["late"] = median(late) / median(whole);
  state.counters["cut_mean"] = cut_sum / static_cast<double>(cut.size()) / median(whole);
  state.counters["cut_share"] = cut_share / static_cast<double>(cut.size());
}

/// The same in a fixed order, in parts of a whole pass; `accept` for a try that becomes the base.
void single_moves_in_order(benchmark::State& state) {
  const Task task(state);
  sim::OrderEvaluator evaluator(task.graph, task.costs, task.cluster);
  sim::OrderIncremental incremental(task.graph, task.costs, task.cluster);
  base::Rng rng(4);
  std::vector<double> whole, tries, accepts;
  for (auto _ : state) {
    for (const Placement& placement : task.placements) {
      incremental.reset(placement);
      whole.push_back(ns_of([&] { evaluator.run(placement); }));
      for (int i = 0; i < 100; ++i) {
        const sim::Move move{rng.below(task.graph.num_ops()), rng.below(kDevices)};
        if (incremental.placement()[move.op] == move.device) continue;
        tries.push_back(ns_of([&] { incremental.try_moves(std::array{move}); }));
        if (i % 10 == 0) accepts.push_back(ns_of([&] { incremental.accept(); }));
      }
    }
  }
  state.counters["whole_ms"] = median(whole) * 1e-6;
  state.counters["median"] = median(tries) / median(whole);
  state.counters["median_us"] = median(tries) * 1e-3;
  state.counters["accept"] = median(accepts) / median(whole);
}

template <typename Run>
double seconds_of(const Run& run) {
  const auto begin = std::chrono::steady_clock::now();
  run();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

/// A batch on two threads against two processes that do half of it each, both in parts of one thread's time.
void two_threads(benchmark::State& state) {
  const Task task(state);
  const bool in_order = state.range(2) != 0;
  std::vector<Placement> placements;
  for (int i = 0; i < (in_order ? 40 : 10); ++i)
    placements.insert(placements.end(), task.placements.begin(), task.placements.end());
  sim::Batch one(task.graph, task.costs, task.cluster, 1), two(task.graph, task.costs, task.cluster, 2);
  std::vector<sim::Batch::Score> scores(placements.size());
  std::vector<int64_t> makespans(placements.size());
  const auto run = [&](sim::Batch& batch, size_t begin, size_t end) {
    const auto part = std::span(placements).subspan(begin, end - begin);
    if (in_order) return batch.in_order(part, std::span(makespans).subspan(begin, end - begin));
    batch.exact(part, false, std::span(scores).subspan(begin, end - begin));
  };
  const size_t all = placements.size(), half = all / 2;
  const auto both_processes = [&] {
    const pid_t child = fork();
    child == 0 ? run(one, 0, half) : run(one, half, all);
    if (child == 0) _exit(0);
    waitpid(child, nullptr, 0);
  };
  run(one, 0, all), run(two, 0, all);  // so that all have their memory
  double threads = 1e9, processes = 1e9, alone = 1e9;
  for (auto _ : state) {
    for (int repeat = 0; repeat < 5; ++repeat) {
      alone = std::min(alone, seconds_of([&] { run(one, 0, all); }));
      threads = std::min(threads, seconds_of([&] { run(two, 0, all); }));
      processes = std::min(processes, seconds_of(both_processes));
    }
  }
  state.counters["placements_per_s"] = static_cast<double>(all) / alone;
  state.counters["threads"] = alone / threads;
  state.counters["processes"] = alone / processes;
}

BENCHMARK(exact)
    ->ArgNames({"ops", "block", "memory"})
    ->ArgsProduct({{1000, 10000, 100000, 1000000}, {0, 40, 1}, {0, 1}})
    ->Unit(benchmark::kMillisecond);
BENCHMARK(screening)
    ->ArgNames({"ops", "block"})
    ->ArgsProduct({{1000, 10000, 100000, 1000000}, {0, 40, 1}})
    ->Unit(benchmark::kMillisecond);

BENCHMARK(memory)->ArgNames({"ops", "block"})->ArgsProduct({{10000, 1000000}, {0, 1}})->Iterations(1);

BENCHMARK(single_moves)
    ->ArgNames({"ops", "block", "memory", "improved"})
    ->ArgsProduct({{1000, 10000, 100000}, {0, 40, 1}, {0, 1}, {0}})
    ->ArgsProduct({{1000, 10000}, {0, 1}, {0}, {300}})
    ->Iterations(1)
    ->Unit(benchmark::kMillisecond);

BENCHMARK(single_moves_in_order)
    ->ArgNames({"ops", "block"})
    ->ArgsProduct({{1000, 10000, 100000}, {0, 40, 1}})
    ->Iterations(1)
    ->Unit(benchmark::kMillisecond);

BENCHMARK(two_threads)
    ->ArgNames({"ops", "block", "in_order"})
    ->ArgsProduct({{10000}, {0, 1}, {0, 1}})
    ->Iterations(1)
    ->Unit(benchmark::kMillisecond);

}  // namespace

BENCHMARK_MAIN();
