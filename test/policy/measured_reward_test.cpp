// SPDX-License-Identifier: Apache-2.0
#include "policy/measured_reward.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <numbers>

#include <catch2/catch.hpp>

#include "base/stopped.h"
#include "policy/fake_runner.h"
#include "policy/reward_state.h"
#include "support/random_placement.h"
#include "support/random_problem.h"

using namespace allot;
using place::UnitPlacement;
using policy::Judgement;
using policy::MeasuredReward;
using test::FakeRunner;

namespace {

place::Problem sixteen_units() { return test::random_problem({.ops = 16, .devices = 3, .forbidden = 0, .paired = 0}); }

/// 1 ms and what the devices' numbers add.
double true_seconds(const FakeRunner::Placement& placement) {
  double sum = 1e-3;
  for (size_t i = 0; i < placement.size(); ++i) sum += 1e-5 * static_cast<double>(placement[i] * (i % 5 + 1));
  return sum;
}

std::vector<Judgement> judge_in_calls(MeasuredReward& reward, const std::vector<UnitPlacement>& placements,
                                      size_t call) {
  std::vector<Judgement> all;
  for (size_t i = 0; i < placements.size(); i += call) {
    const auto some = reward.judge(std::span(placements).subspan(i, std::min(call, placements.size() - i)));
    all.insert(all.end(), some.begin(), some.end());
  }
  return all;
}

/// Root mean square of judged over true time, less 1.
double error_of(const std::vector<Judgement>& judgements, const std::vector<UnitPlacement>& placements) {
  double sum = 0;
  for (size_t i = 0; i < judgements.size(); ++i)
    sum += std::pow(static_cast<double>(judgements[i].score.value) / (1e12 * true_seconds(placements[i])) - 1, 2);
  return std::sqrt(sum / static_cast<double>(judgements.size()));
}

}  // namespace

TEST_CASE("measured times are the scores, and each placement is measured once") {
  const auto problem = sixteen_units();
  FakeRunner runner;
  runner.seconds = true_seconds;
  MeasuredReward reward(problem, runner.execution());
  auto placements = test::random_placements(problem, 20, 1);
  placements.push_back(placements[3]);
  const auto judgements = reward.judge(placements);
  for (size_t i = 0; i < placements.size(); ++i) {
    CHECK(judgements[i].executed);
    CHECK(judgements[i].score.overflow_bytes == 0);
    CHECK(judgements[i].score.value == std::llround(1e12 * true_seconds(placements[i])));
    CHECK(judgements[i].score.makespan_ps == judgements[i].score.value);
  }
  CHECK(reward.evaluations() == 23);  // after the first: 7 each, thrice a reading
  CHECK(runner.log.size() == 23);
  CHECK(std::count(runner.log.begin(), runner.log.end(), placements[0]) == 4);
  CHECK(runner.log[8] == placements[0]);
  CHECK(runner.log[16] == placements[0]);
  reward.judge(placements);
  CHECK(reward.evaluations() == 23);
}

TEST_CASE("drift is cancelled, however many are judged at a time") {
  const auto problem = sixteen_units();
  const auto placements = test::random_placements(problem, 400, 1);
  for (const size_t call : {size_t{1}, size_t{4}, size_t{64}}) {
    FakeRunner runner;
    runner.seconds = true_seconds;
    runner.noise = 0.005;
    MeasuredReward still(problem, runner.execution());
    const double noise_alone = error_of(judge_in_calls(still, placements, call), placements);
    runner.log.clear();
    runner.drift = [](uint64_t run) {
      return 1 + 0.3 * std::sin(2 * std::numbers::pi * static_cast<double>(run) / 200);
    };
    MeasuredReward reward(problem, runner.execution());
    const double error = error_of(judge_in_calls(reward, placements, call), placements);
    CAPTURE(call, noise_alone, error);
    CHECK(noise_alone < 0.008);
    CHECK(error < (call == 1 ? 0.04 : 0.009));  // without a yardstick: 0.21
    CHECK(static_cast<double>(reward.evaluations()) < (call == 4 ? 1.26 : 1.15) * 400);
  }
}

TEST_CASE("thousands of lucky measurements do not drag the level along") {
  const auto problem = sixteen_units();
  FakeRunner runner;
  runner.seconds = [](const auto&) { return 1e-3; };
  runner.noise = 0.02;
  MeasuredReward reward(problem, runner.execution());
  const auto judgements = judge_in_calls(reward, test::random_placements(problem, 4000, 1), 64);
  double late_ms = 0;
  for (size_t i = 3000; i < 4000; ++i) late_ms += static_cast<double>(judgements[i].score.value) / 1e9 / 1000;
  // A yardstick that changes to whatever was quickest since the last reading ends below 0.001.
  CHECK(late_ms == Approx(1).epsilon(0.08));
  CHECK(reward.level() == Approx(1).epsilon(0.08));
}

TEST_CASE("what fails is no answer, and says why") {
  const auto problem = test::random_problem({.ops = 16, .devices = 3, .memory_bytes = 3 << 20, .forbidden = 0});
  FakeRunner runner;
  runner.seconds = true_seconds;
  runner.failure = [](const auto& placement) { return placement.back() == 2 ? "killed by signal 9" : ""; };
  MeasuredReward reward(problem, runner.execution());
  const auto placements = test::random_placements(problem, 60, 1);
  const auto judgements = reward.judge(placements);
  place::Evaluator evaluator(problem);
  size_t failed = 0;
  for (size_t i = 0; i < placements.size(); ++i) {
    if (placements[i].back() != 2) {
      CHECK(judgements[i].executed);
      continue;
    }
    ++failed;
    CHECK_FALSE(judgements[i].executed);
    CHECK(judgements[i].why == "worker: killed by signal 9");
    CHECK(judgements[i].score.makespan_ps == evaluator.score(placements[i]).makespan_ps);
    CHECK(judgements[i].score.overflow_bytes == std::max<int64_t>(1, evaluator.score(placements[i]).overflow_bytes));
  }
  CHECK(failed > 10);
  CHECK(failed < 40);
}

TEST_CASE("times that no run can take are failures") {
  const auto problem = sixteen_units();
  FakeRunner runner;
  runner.seconds = [](const auto& placement) { return placement[0] == 0 ? 1.0 : placement[0] == 1 ? 3.4e38 : 0.0; };
  MeasuredReward reward(problem, runner.execution());
  std::vector<UnitPlacement> placements(3, UnitPlacement(16, 0));
  placements[1][0] = 1, placements[2][0] = 2;
  const auto judgements = reward.judge(placements);
  CHECK(judgements[0].executed);
  CHECK(judgements[1].why == "took 3.4e+38 s");
  CHECK(judgements[2].why == "took 0 s");
}

TEST_CASE("a source that fails for all of the first is an error that tells the first failure") {
  const auto problem = sixteen_units();
  FakeRunner runner;
  runner.kind = base::ErrorKind::out_of_memory;
  runner.failure = [&](const auto&) { return runner.log.size() == 1 ? "no bytes left" : "some other reason"; };
  MeasuredReward reward(problem, runner.execution());
  const auto placements = test::random_placements(problem, 24, 1);
  reward.judge(std::span(placements).subspan(0, 12));
  try {
    reward.judge(std::span(placements).subspan(12));
    FAIL("no error was thrown");
  } catch (const base::Error& error) {
    CHECK(error.kind() == base::ErrorKind::out_of_memory);
    CHECK_THAT(error.what(), Catch::Contains("none of the first 16 placements ran") &&
                                 Catch::Contains("no bytes left") && !Catch::Contains("some other reason"));
  }
  CHECK(runner.log.size() == 16);
}

TEST_CASE("after a stop in the middle of a call what was measured is known") {
  const auto problem = sixteen_units();
  std::atomic<bool> stop = false;
  FakeRunner runner;
  runner.seconds = [&](const auto& placement) {
    if (runner.log.size() == 6) stop = true;
    return true_seconds(placement);
  };
  MeasuredReward reward(problem, runner.execution(), {.stop = &stop});
  const auto placements = test::random_placements(problem, 12, 1);
  CHECK_THROWS_AS(reward.judge(placements), base::Stopped);
  CHECK(runner.log.size() == 6);
  stop = false;
  const auto judgements = reward.judge(placements);
  for (size_t i = 0; i < placements.size(); ++i)
    CHECK(judgements[i].score.value == std::llround(1e12 * true_seconds(placements[i])));
  CHECK(std::count(runner.log.begin(), runner.log.end(), placements[5]) == 1);
}

TEST_CASE("measured times come back from the state, and the yardstick is read before others follow") {
  const auto problem = sixteen_units();
  FakeRunner runner;
  runner.seconds = true_seconds;
  MeasuredReward first(problem, runner.execution()), second(problem, runner.execution());
  const auto placements = test::random_placements(problem, 10, 1);
  const auto expected = first.judge(placements);
  runner.log.clear();
  runner.drift = [](uint64_t) { return 1.5; };  // the machine is another one meanwhile
  second.restore(first.state(), "checkpoint");
  CHECK(second.evaluations() == first.evaluations());
  const auto again = second.judge(placements);
  for (size_t i = 0; i < placements.size(); ++i) CHECK(again[i].score == expected[i].score);
  CHECK(runner.log.empty());
  const auto more = test::random_placements(problem, 5, 2);
  const auto judgements = second.judge(more);
  CHECK(runner.log[0] == placements[0]);
  CHECK(second.level() == Approx(1.5));
  for (size_t i = 0; i < more.size(); ++i)
    CHECK(static_cast<double>(judgements[i].score.value) == Approx(1e12 * true_seconds(more[i])));

  const auto refused = [&](auto change) {
    auto state = first.state();
    change(state);
    CHECK_THROWS_WITH(MeasuredReward(problem, runner.execution()).restore(state, "checkpoint"),
                      Catch::Contains("checkpoint: "));
  };
  refused([](auto& state) { state.clear(); });
  refused([](auto& state) { state.pop_back(); });
  refused([](auto& state) { state.back() = 3; });
  refused([](auto& state) { state.back() = -1; });
  refused([](auto& state) { state[1] = policy::as_number(NAN); });
  refused([](auto& state) { state[2] = 0; });
}
