// SPDX-License-Identifier: Apache-2.0
#include "place/local_search.h"

#include <atomic>

#include <catch2/catch.hpp>

#include "place/evaluator.h"
#include "place/placer.h"
#include "support/random_placement.h"
#include "support/random_problem.h"

using namespace allot;
using place::Improved;
using place::LocalSearch;
using place::UnitPlacement;

namespace {

bool same(const std::vector<Improved>& a, const std::vector<Improved>& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](const Improved& x, const Improved& y) {
    return x.placement == y.placement && x.score == y.score && x.evaluations == y.evaluations;
  });
}

}  // namespace

TEST_CASE("local search leads from chance to what a list scheduler does not reach") {
  double improved_sum = 0, heft_sum = 0;
  for (uint64_t seed = 0; seed < 8; ++seed) {
    const auto problem = test::random_problem({.ops = 80, .width = 6, .devices = 4, .seed = seed});
    place::Evaluator evaluator(problem);
    const auto starts = test::random_placements(problem, 3, seed);
    LocalSearch search(problem);
    for (const Improved& one : search.improve(starts, 0)) {
      improved_sum += static_cast<double>(one.score.value);
      CHECK(evaluator.score(one.placement) == one.score);
    }
    heft_sum += 3 * static_cast<double>(evaluator.score(place::find_placer("heft").place(problem, {})).value);
  }
  INFO(improved_sum / heft_sum);
  CHECK(improved_sum < 0.95 * heft_sum);
}

TEST_CASE("it spends what it may, and counts it") {
  const auto problem = test::random_problem({.ops = 60, .devices = 3});
  const auto starts = test::random_placements(problem, 4, 1);
  LocalSearch search(problem);
  uint64_t sum = 0;
  for (const Improved& one : search.improve(starts, 0)) {
    CHECK(one.evaluations <= 20 * problem.graph().num_units() + 1);
    CHECK(one.evaluations > 10 * problem.graph().num_units());
    sum += one.evaluations;
  }
  CHECK(search.evaluations() == sum);
  for (const Improved& one : search.improve(starts, 1, 30)) CHECK(one.evaluations <= 31);
  LocalSearch longer(problem, {.evaluations = 5000});
  CHECK(longer.improve(starts, 0).front().evaluations > 4000);
}

TEST_CASE("what is found depends on the seed, the step and the item alone") {
  const auto problem = test::random_problem({.ops = 50, .devices = 4});
  const std::vector<UnitPlacement> starts(4, test::random_placements(problem, 1, 1).front());
  const auto with = [&](uint64_t seed, unsigned threads, uint32_t step) {
    return LocalSearch(problem, {.seed = seed, .threads = threads}).improve(starts, step);
  };
  const auto first = with(1, 1, 5);
  CHECK(same(first, with(1, 3, 5)));
  CHECK_FALSE(same(first, with(2, 1, 5)));
  CHECK_FALSE(same(first, with(1, 1, 6)));
  CHECK(first[0].placement != first[1].placement);
}

TEST_CASE("rules are kept, and what does not fit is made to fit") {
  const auto problem = test::random_problem({.ops = 40, .devices = 4, .memory_bytes = 12 << 20, .forbidden = 0.3});
  place::Evaluator evaluator(problem);
  const auto starts = test::random_placements(problem, 6, 2);
  size_t mended = 0;
  const auto improved = LocalSearch(problem).improve(starts, 0);
  for (size_t i = 0; i < starts.size(); ++i) {
    CHECK(improved[i].score <= evaluator.score(starts[i]));
    CHECK(improved[i].score == evaluator.score(improved[i].placement));
    mended += evaluator.score(starts[i]).overflow_bytes > 0 && improved[i].score.overflow_bytes == 0;
    for (place::UnitId unit = 0; unit < problem.graph().num_units(); ++unit)
      CHECK(problem.allowed(unit, improved[i].placement[unit]));
  }
  CHECK(mended >= 3);
}

TEST_CASE("other objectives and several input shapes are searched, too") {
  const auto latency = test::random_problem({.ops = 40, .devices = 3});
  place::Problem throughput(latency.graph(), latency.cluster(), latency.costs(), {}, place::Objective::throughput);
  auto several = test::random_problem({.ops = 40, .devices = 3});
  several.also_serve(std::make_shared<place::Problem>(test::random_problem({.ops = 40, .devices = 3})), 2);
  for (const auto* problem : {&throughput, &several}) {
    place::Evaluator evaluator(*problem);
    const auto starts = test::random_placements(*problem, 2, 3);
    for (const Improved& one : LocalSearch(*problem).improve(starts, 0)) {
      CHECK(one.score == evaluator.score(one.placement));
      CHECK(static_cast<double>(one.score.value) < 0.9 * static_cast<double>(evaluator.score(starts[0]).value));
    }
  }
}

TEST_CASE("where nothing can move or a stop is set, the start is the answer") {
  const auto bound = test::random_problem({.ops = 10, .devices = 1});
  const UnitPlacement only(bound.graph().num_units(), 0);
  const auto alone = LocalSearch(bound).improve(std::vector<UnitPlacement>{only}, 0).front();
  CHECK(alone.placement == only);
  CHECK(alone.evaluations == 1);
  const auto problem = test::random_problem({});
  const std::atomic<bool> stop = true;
  const auto starts = test::random_placements(problem, 1, 1);
  CHECK(LocalSearch(problem, {.stop = &stop}).improve(starts, 0).front().placement == starts[0]);
}
