// SPDX-License-Identifier: Apache-2.0
#include "place/move_policy.h"

#include <catch2/catch.hpp>
#include <cmath>
#include <map>

#include "base/error.h"
#include "place/placer.h"
#include "place/timetable.h"
#include "support/random_problem.h"

using namespace allot;
using place::DeviceId;
using place::MoveFeatures;
using place::MovePolicy;
using place::MoveScene;
using place::MoveWeights;
using place::UnitId;
using place::UnitMove;
using place::UnitPlacement;

namespace {

// Places of features in MoveFeatures::values.
constexpr size_t kEndsThere = 1, kBusyThere = 3, kSent = 6, kNeighboursThere = 7, kNeighboursHere = 8, kLonger = 9,
                 kFedFrom = 14, kFullness = 16;

place::Problem problem_of(uint64_t seed, double forbidden = 0.2) {
  return test::random_problem({.ops = 60, .devices = 4, .seed = seed, .forbidden = forbidden});
}

UnitPlacement spread(const place::Problem& problem) {
  UnitPlacement placement;
  for (UnitId unit = 0; unit < problem.graph().num_units(); ++unit) {
    const auto choices = problem.choices(unit);
    placement.push_back(choices[unit % choices.size()]);
  }
  return placement;
}

}  // namespace

TEST_CASE("a timetable knows how busy any span was") {
  place::Timetable timetable;
  timetable.clear();
  timetable.add(40, 50);
  timetable.add(10, 30);
  timetable.add(30, 30);
  timetable.ready();
  CHECK(timetable.busy_ps() == 30);
  CHECK(timetable.busy_ps(0, 100) == 30);
  CHECK(timetable.busy_ps(20, 45) == 15);
  CHECK(timetable.busy_ps(30, 40) == 0);
  CHECK(timetable.busy_ps(12, 13) == 1);
  CHECK(timetable.busy_ps(50, 60) == 0);
}

TEST_CASE("features of moves are what the run shows") {
  const auto problem = problem_of(3);
  const auto& graph = problem.graph();
  const UnitPlacement placement = spread(problem);
  MoveScene scene(problem);
  scene.look(placement);
  const sim::Outcome run = place::Evaluator(problem).outcome(placement, true);
  size_t seen = 0, fed = 0;
  for (UnitId unit = 0; unit < graph.num_units(); ++unit)
    for (DeviceId device = 0; device < problem.devices(); ++device) {
      REQUIRE(scene.possible(unit, device) == (device != placement[unit] && problem.allowed(unit, device)));
      if (!scene.possible(unit, device)) continue;
      ++seen;
      const MoveFeatures& move = scene.of(unit, device);
      for (const float value : move.values) REQUIRE(std::isfinite(value));
      const int64_t longer_ps = problem.unit_time_ps(unit, device) - problem.unit_time_ps(unit, placement[unit]);
      CHECK((move.values[kLonger] > 0) == (longer_ps > 0));
      CHECK((move.values[kBusyThere] >= 0 && move.values[kBusyThere] <= 1));
      CHECK(move.values[kNeighboursThere] + move.values[kNeighboursHere] <= 1.0001);
      CHECK(move.values[kFullness] >= 0);
      fed += move.values[kFedFrom] > 0;
      if (graph.members[unit].size() != 1) continue;
      // With no neighbours there or here, the unit is as far from all of them.
      if (move.values[kNeighboursThere] == 0 && move.values[kNeighboursHere] == 0)
        CHECK(std::abs(move.values[kSent]) < 1);
      // Where nothing is in the way, it would end when its inputs are there and its time has passed.
      const auto op = graph.members[unit][0];
      if (graph.inputs[op].empty() && move.values[kBusyThere] == 0)
        CHECK((move.values[kEndsThere] < 0) == (problem.unit_time_ps(unit, device) < run.end_ps[op]));
    }
  CHECK(seen > 50);
  CHECK(fed > 0);
  std::vector<UnitId> critical;
  for (const auto& step : place::Evaluator(problem).critical(placement))
    if (step.op != graph::kNone) critical.push_back(graph.unit_of[step.op]);
  std::sort(critical.begin(), critical.end());
  critical.erase(std::unique(critical.begin(), critical.end()), critical.end());
  CHECK(scene.critical() == critical);
}

TEST_CASE("a policy that knows nothing draws all moves alike; one that has learned prefers what gained") {
  const auto problem = problem_of(5, 0);
  const UnitPlacement placement = spread(problem);
  MovePolicy policy(problem, {});
  CHECK_FALSE(policy.ready());
  policy.look(placement);
  base::Rng rng(1);
  const size_t possible = placement.size() * (problem.devices() - 1);
  const int draws = 200 * static_cast<int>(possible);
  std::map<std::pair<UnitId, DeviceId>, int> counts;
  for (int i = 0; i < draws; ++i) {
    const UnitMove move = policy.draw(rng);
    REQUIRE(placement[move.unit] != move.device);
    ++counts[{move.unit, move.device}];
  }
  CHECK(counts.size() == possible);
  for (const auto& [move, count] : counts) CHECK(std::abs(count - 200) < 100);  // 7 deviations

  // Moves next to neighbours gain, others do not.
  MoveScene scene(problem);
  scene.look(placement);
  const auto gains = [&](const UnitMove& move) {
    return scene.of(move.unit, move.device).values[kNeighboursThere] > 0;
  };
  const auto share = [&] {
    int hits = 0;
    for (int i = 0; i < 2000; ++i) hits += gains(policy.draw(rng));
    return hits / 2000.0;
  };
  const double before = share();
  for (int i = 0; i < 3000; ++i) {
    const UnitMove move = policy.draw(rng);
    policy.learn(move, gains(move) ? 1 : 0);
  }
  policy.look(placement);
  const double after = share();
  INFO(before << " -> " << after);
  CHECK(before < 0.7);
  CHECK(after > 0.95);
}

TEST_CASE("annealing leaves what it learned, and gives the same each time") {
  const auto problem = problem_of(7);
  const auto run = [&](bool learns, uint64_t evaluations) {
    place::Budget budget{.evaluations = evaluations, .seed = 3, .threads = 1};
    MoveWeights moves;
    moves.learns = learns;
    budget.moves = &moves;
    const auto placement = place::find_placer("anneal").place(problem, budget);
    return std::pair(placement, moves.weight);
  };
  CHECK(run(true, 2000) == run(true, 2000));
  CHECK(run(true, 2000).second != MoveWeights{}.weight);
  CHECK(run(false, 2000).second == MoveWeights{}.weight);
}

TEST_CASE("stored move weights are checked") {
  const std::vector<double> right(MoveWeights::kSize, 0.5), few(3, 0.5);
  std::vector<double> infinite = right;
  infinite[4] = INFINITY;
  CHECK(place::move_weights(right, "p").weight[7] == 0.5);
  CHECK_THROWS_AS(place::move_weights(few, "p"), base::Error);
  CHECK_THROWS_AS(place::move_weights(infinite, "p"), base::Error);
  MoveWeights one, three;
  one.weight[2] = 1, three.weight[2] = 3;
  CHECK(place::mean({one, three}).weight[2] == 2);
}
