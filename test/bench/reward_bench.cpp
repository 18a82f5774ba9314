// SPDX-License-Identifier: Apache-2.0
// Placements judged by policy::SimulatedReward beside one evaluator and sim::Batch, in calls of 4 to 64 placements of a
// graph of 256 ops on 4 devices; and one that is known. Microseconds a placement, the quickest of many interleaved
// rounds, and the same on one thread over them.
//   reward_bench [THREADS] -> JSON, a line a size of call
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <limits>

#include "policy/simulated_reward.h"
#include "sim/batch.h"
#include "support/random_placement.h"
#include "support/random_problem.h"

namespace {

using namespace allot;

constexpr size_t kPlacements = 20'000;  // judged in all, by each

/// Keeps the quickest of all calls: others on the machine can only add to it.
class Stopwatch {
 public:
  template <typename Body>
  void time(const Body& body) {
    const auto start = std::chrono::steady_clock::now();
    body();
    best_us_ =
        std::min(best_us_, std::chrono::duration<double, std::micro>(std::chrono::steady_clock::now() - start).count());
  }
  double best_us() const { return best_us_; }

 private:
  double best_us_ = std::numeric_limits<double>::max();
};

void measure(const place::Problem& problem, size_t call, unsigned threads) {
  const auto placements = test::random_placements(problem, call, call);
  std::vector<std::vector<place::DeviceId>> ops;
  for (const auto& placement : placements) ops.push_back(problem.expand(placement));
  place::Evaluator evaluator(problem);
  sim::Batch batch(problem.graph(), problem.costs(), problem.cluster(), threads);
  std::vector<sim::Batch::Score> scores(call);
  policy::SimulatedReward forgetful(problem, {.threads = threads, .remembered = 0});
  policy::SimulatedReward remembering(problem, {.threads = threads});
  Stopwatch one, batched, judged, known;
  for (size_t round = 0; round < kPlacements / call; ++round) {
    one.time([&] {
      for (const auto& placement : placements) evaluator.score(placement);
    });
    batched.time([&] { batch.exact(ops, evaluator.memory_matters(), scores); });
    judged.time([&] { forgetful.judge(placements); });
    known.time([&] { remembering.judge(placements); });
  }
  const auto us = [&](const Stopwatch& watch) { return watch.best_us() / static_cast<double>(call); };
  std::printf(
      "{\"schema\": \"allot.bench/1\", \"call\": %zu, \"threads\": %u, \"one_thread_us\": %.2f, "
      "\"batch_us\": %.2f, \"judge_us\": %.2f, \"known_us\": %.3f, \"batch_speedup\": %.2f, "
      "\"judge_speedup\": %.2f}\n",
      call, threads, us(one), us(batched), us(judged), us(known), us(one) / us(batched), us(one) / us(judged));
}

}  // namespace

int main(int argc, char** argv) {
  const auto threads = static_cast<unsigned>(argc > 1 ? std::atoi(argv[1]) : 2);
  const auto problem = test::random_problem({.ops = 256, .width = 8, .devices = 4, .paired = 0});
  for (const size_t call : {size_t{4}, size_t{16}, size_t{64}}) measure(problem, call, threads);
  return 0;
}
