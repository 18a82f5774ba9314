// SPDX-License-Identifier: Apache-2.0
#include "policy/halving.h"

#include <algorithm>
#include <atomic>
#include <map>

#include <catch2/catch.hpp>

#include "base/stopped.h"
#include "policy/fake_runner.h"

using namespace allot;
using place::UnitPlacement;
using policy::successive_halving;
using test::FakeRunner;

namespace {

/// Candidate i is unit 0 on device i.
std::vector<UnitPlacement> candidates(size_t count) {
  std::vector<UnitPlacement> result;
  for (uint32_t i = 0; i < count; ++i) result.push_back({i});
  return result;
}

/// Number 11 is the quickest; each of the others is 1 % slower than the one before it in a shuffled order.
double true_seconds(const FakeRunner::Placement& placement) {
  return 1e-3 * (1 + 0.01 * ((placement[0] * 13 + 17) % 32));
}

}  // namespace

TEST_CASE("the quickest gets the most runs and stays last") {
  FakeRunner runner;
  runner.seconds = true_seconds;
  std::map<size_t, uint64_t> measured;  // by how many were left
  const auto result = successive_halving(runner.execution(), candidates(40),
                                         {.measured = [&](uint64_t runs, size_t left) { measured[left] = runs; }});
  CHECK(measured == std::map<size_t, uint64_t>{{32, 96}, {16, 144}, {8, 192}, {4, 240}, {2, 288}});
  CHECK(runner.log.size() == 288);
  CHECK(policy::halving_runs(40) == 288);
  REQUIRE(result.size() == 32);
  CHECK(result[0].candidate == 11);
  CHECK(result[0].runs == 48);
  CHECK(result[1].runs == 48);
  CHECK(result[2].runs == 24);
  CHECK(result[31].runs == 3);
  for (size_t i = 0; i < result.size(); ++i) {
    CHECK(result[i].mean_seconds == Approx(true_seconds({static_cast<uint32_t>(result[i].candidate)})));
    if (i > 0) CHECK(result[i - 1].mean_seconds < result[i].mean_seconds);
  }
}

TEST_CASE("noise and drift leave one of the best, where single runs leave any") {
  double chosen = 0, single = 0;
  constexpr int kTrials = 50;
  for (int trial = 0; trial < kTrials; ++trial) {
    FakeRunner runner;
    runner.seconds = true_seconds;
    runner.noise = 0.05;
    runner.drift = [](uint64_t run) { return 1 + 0.004 * static_cast<double>(run); };
    runner.seed = static_cast<uint64_t>(trial);
    const auto all = candidates(32);
    chosen += true_seconds(all[successive_halving(runner.execution(), all)[0].candidate]) / kTrials;
    std::vector<double> once;
    for (const auto& candidate : all) once.push_back(runner.measure(candidate).mean_seconds);
    single += true_seconds(all[std::min_element(once.begin(), once.end()) - once.begin()]) / kTrials;
  }
  CAPTURE(chosen, single);  // the best takes 1e-3
  CHECK(chosen < 1.008e-3);
  CHECK(single > 1.02e-3);
}

TEST_CASE("what fails is out, and all failing is an error") {
  FakeRunner runner;
  runner.seconds = true_seconds;
  std::map<uint32_t, int> runs;
  runner.failure = [&](const auto& placement) {
    const int run = ++runs[placement[0]];
    return placement[0] == 2 || (placement[0] == 11 && run == 5) ? "crashed" : "";
  };
  const auto result = successive_halving(runner.execution(), candidates(16));
  REQUIRE(result.size() == 16);
  CHECK(result[0].failure.empty());
  CHECK(result[14].candidate == 11);  // failed in its fifth run,
  CHECK(result[14].runs == 4);
  CHECK(result[15].candidate == 2);  // in its first one
  CHECK(result[15].failure == "worker: crashed");
  CHECK(runs[2] == 1);

  runner.failure = [](const auto&) { return "crashed"; };
  CHECK_THROWS_WITH(successive_halving(runner.execution(), candidates(3)),
                    Catch::Contains("none of the first 3 placements ran") && Catch::Contains("crashed"));
}

TEST_CASE("one candidate is measured, none is no work, and a stop ends all") {
  FakeRunner runner;
  runner.seconds = true_seconds;
  CHECK(successive_halving(runner.execution(), candidates(0)).empty());
  const auto one = successive_halving(runner.execution(), candidates(1));
  CHECK(one.front().runs == 3);
  CHECK(runner.log.size() == 3);
  CHECK(policy::halving_runs(0) == 0);
  CHECK(policy::halving_runs(1) == 3);
  CHECK(policy::halving_runs(5, {.first_runs = 1}) == 5 + 3 + 2 * 2);
  const std::atomic<bool> stop = true;
  CHECK_THROWS_AS(successive_halving(runner.execution(), candidates(2), {.stop = &stop}), base::Stopped);
}
