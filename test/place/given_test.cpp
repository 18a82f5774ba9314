// SPDX-License-Identifier: Apache-2.0
#include "place/given.h"

#include <algorithm>
#include <chrono>

#include <catch2/catch.hpp>

#include "support/random_placement.h"
#include "support/random_problem.h"

using namespace allot;
using place::UnitPlacement;

namespace {

/// What improve_given tells of its work beside its answer.
struct Told {
  uint64_t evaluations = 0;
  std::vector<place::Score> scores;

  place::Budget budget(uint64_t evaluations_allowed) {
    place::Budget budget;
    budget.evaluations = evaluations_allowed;
    budget.progress = [this](uint64_t done, const place::Score&) { evaluations = done; };
    budget.improved = [this](const place::CurvePoint& point) { scores.push_back(point.best); };
    return budget;
  }
};

}  // namespace

TEST_CASE("the best of given placements is improved within the budget") {
  const auto problem = test::random_problem({.ops = 80, .width = 6, .devices = 4, .seed = 3});
  const auto given = test::random_placements(problem, 20, 7);
  place::Evaluator evaluator(problem);
  std::vector<place::Score> scores;
  for (const UnitPlacement& one : given) scores.push_back(evaluator.score(one));
  Told told;
  const auto answer = place::improve_given(problem, given, told.budget(2000));
  REQUIRE(told.scores.size() == 2);
  CHECK(told.scores[0] == *std::min_element(scores.begin(), scores.end()));
  CHECK(told.scores[1] == evaluator.score(answer));
  CHECK(static_cast<double>(told.scores[1].value) < 0.85 * static_cast<double>(told.scores[0].value));
  CHECK(told.evaluations <= 2000);
  CHECK(told.evaluations > 1800);
}

TEST_CASE("it is never worse than the start, and without time it is the best as given") {
  const auto problem = test::random_problem({.ops = 60, .devices = 3});
  const auto given = test::random_placements(problem, 5, 1);
  const auto heft = place::find_placer("heft").place(problem, {});
  place::Evaluator evaluator(problem);
  place::Budget budget;
  budget.seconds = 0;
  size_t origin = 99;
  const auto answer = place::improve_given(problem, given, budget, &origin);
  REQUIRE(origin < given.size());
  CHECK(answer == given[origin]);
  budget.start = &heft;
  CHECK(evaluator.score(place::improve_given(problem, given, budget, &origin)) <= evaluator.score(heft));
  CHECK(origin == given.size());
}

TEST_CASE("it depends on the seed, and not on the number of threads") {
  const auto problem = test::random_problem({.ops = 60, .devices = 4});
  const auto given = test::random_placements(problem, 30, 2);
  const auto improved = [&](unsigned threads, uint64_t seed) {
    place::Budget budget;
    budget.evaluations = 1000;
    budget.threads = threads;
    budget.seed = seed;
    return place::improve_given(problem, given, budget);
  };
  CHECK(improved(1, 0) == improved(3, 0));
  CHECK(improved(1, 0) != improved(1, 1));
}

TEST_CASE("seconds end it") {
  const auto problem = test::random_problem({.ops = 400, .width = 20, .devices = 4});
  place::Budget budget;
  budget.seconds = 0.2;
  const auto begin = std::chrono::steady_clock::now();
  place::improve_given(problem, test::random_placements(problem, 8, 1), budget);
  CHECK(std::chrono::steady_clock::now() - begin < std::chrono::seconds(5));
}
