// SPDX-License-Identifier: Apache-2.0
#include "policy/simulated_reward.h"

#include <atomic>
#include <memory>

#include <catch2/catch.hpp>

#include "base/error.h"
#include "base/stopped.h"
#include "support/random_placement.h"
#include "support/random_problem.h"

using namespace allot;
using place::Score;
using place::UnitPlacement;
using policy::SimulatedReward;

namespace {

std::vector<Score> scores(const std::vector<policy::Judgement>& judgements) {
  std::vector<Score> result;
  for (const auto& judgement : judgements) result.push_back(judgement.score);
  return result;
}

std::vector<Score> one_by_one(const place::Problem& problem, const std::vector<UnitPlacement>& placements) {
  place::Evaluator evaluator(problem);
  std::vector<Score> result;
  for (const auto& placement : placements) result.push_back(evaluator.score(placement));
  return result;
}

}  // namespace

TEST_CASE("judgements are the evaluator's scores at any number of threads") {
  const auto problem = test::random_problem({.ops = 60, .memory_bytes = 15 << 20});
  const auto placements = test::random_placements(problem, 100, 1);
  const auto expected = one_by_one(problem, placements);
  size_t fits = 0;
  for (const unsigned threads : {1u, 2u, 5u}) {
    SimulatedReward reward(problem, {.threads = threads});
    const auto judgements = reward.judge(placements);
    CHECK(scores(judgements) == expected);
    for (const auto& judgement : judgements) {
      CHECK(judgement.executed == (judgement.score.overflow_bytes == 0));
      fits += judgement.executed;
    }
    CHECK(reward.evaluations() == 100);
    CHECK(reward.hits() == 0);
    CHECK(scores(reward.judge({})).empty());
  }
  CHECK(fits > 0);
  CHECK(fits < 300);
}

TEST_CASE("what is known is free, symmetric copies and copies within a call included") {
  const auto problem = test::random_problem({.ops = 30, .devices = 3, .unequal = 0, .forbidden = 0});
  auto placements = test::random_placements(problem, 10, 1);
  SimulatedReward reward(problem, {.threads = 2});
  const auto first = scores(reward.judge(placements));
  for (auto& placement : placements)
    for (auto& device : placement) device = (device + 1) % 3;
  placements.push_back(placements[4]);
  placements.push_back(test::random_placements(problem, 1, 2).front());
  placements.push_back(placements.back());
  const auto again = scores(reward.judge(placements));
  CHECK(std::vector<Score>(again.begin(), again.begin() + 10) == first);
  CHECK(again[10] == first[4]);
  CHECK(again[12] == again[11]);
  CHECK(reward.evaluations() == 11);
  CHECK(reward.hits() == 12);
}

TEST_CASE("the objective, all input shapes and a scorer of the problem's own count") {
  auto problem = test::random_problem({.ops = 20, .seed = 1, .forbidden = 0});
  problem.also_serve(std::make_shared<place::Problem>(test::random_problem({.ops = 20, .seed = 1, .forbidden = 0})), 3);
  auto placements = test::random_placements(problem, 8, 1);
  CHECK(scores(SimulatedReward(problem, {.threads = 2}).judge(placements)) == one_by_one(problem, placements));

  std::atomic<int> scorers = 0;
  problem.score_with([&] {
    ++scorers;
    return [](std::span<const place::DeviceId> ops) { return Score{0, ops.front() + 7, ops.back() + 9}; };
  });
  const auto judged = scores(SimulatedReward(problem, {.threads = 2}).judge(placements));
  for (size_t i = 0; i < judged.size(); ++i)
    CHECK(judged[i] == Score{0, placements[i].front() + 7, placements[i].back() + 9});
  CHECK(scorers >= 1);
  CHECK(scorers <= 2);
}

TEST_CASE("the cache is bounded and forgets what was not asked for") {
  policy::ScoreCache cache(8);
  const auto key = [](uint64_t i) { return policy::PlacementKey{i, i}; };
  for (uint64_t i = 0; i < 100; ++i) {
    cache.add(key(i), {0, static_cast<int64_t>(i), 0});
    REQUIRE(cache.find(key(0)));  // asked for all the time
    CHECK(cache.find(key(0))->value == 0);
    CHECK(cache.find(key(i))->value == static_cast<int64_t>(i));
    CHECK(cache.size() <= 8);
  }
  CHECK_FALSE(cache.find(key(50)));
  policy::ScoreCache none(0);
  none.add(key(1), {});
  CHECK_FALSE(none.find(key(1)));
}

TEST_CASE("what is known comes back from the state") {
  const auto problem = test::random_problem({.ops = 30, .forbidden = 0});
  const auto placements = test::random_placements(problem, 60, 1);
  const policy::SimulatedRewardOptions options{.threads = 1, .remembered = 64};
  SimulatedReward first(problem, options), second(problem, options);
  first.judge(placements);
  second.restore(first.state(), "checkpoint");
  CHECK(second.state() == first.state());
  CHECK(second.evaluations() == 60);
  for (SimulatedReward* reward : {&first, &second}) reward->judge(test::random_placements(problem, 20, 2));
  const auto expected = one_by_one(problem, placements);
  CHECK(scores(first.judge(placements)) == expected);
  CHECK(scores(second.judge(placements)) == expected);
  CHECK(second.evaluations() == first.evaluations());
  CHECK(second.evaluations() > 80);  // some were forgotten,
  CHECK(second.hits() == first.hits());
  CHECK(second.hits() > 10);  // some were not
  CHECK(second.state() == first.state());

  const auto state = first.state();
  for (const size_t length : {size_t{0}, size_t{2}, size_t{3}, size_t{30}, state.size() - 1})
    CHECK_THROWS_WITH(second.restore(std::span(state).first(length), "checkpoint"), Catch::Contains("checkpoint: "));
  auto longer = state;
  longer.push_back(0);
  CHECK_THROWS_AS(second.restore(longer, "checkpoint"), base::Error);
  longer = state;
  longer[2] = -1;
  CHECK_THROWS_AS(second.restore(longer, "checkpoint"), base::Error);
}

TEST_CASE("a stop ends judging") {
  const auto problem = test::random_problem({});
  std::atomic<bool> stop = true;
  SimulatedReward reward(problem, {.threads = 2, .stop = &stop});
  const auto placements = test::random_placements(problem, 4, 1);
  CHECK_THROWS_AS(reward.judge(placements), base::Stopped);
  stop = false;
  CHECK(scores(reward.judge(placements)) == one_by_one(problem, placements));
}
