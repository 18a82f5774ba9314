// SPDX-License-Identifier: Apache-2.0
#include "place/exact.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <cstdlib>

#include "place/interchangeable.h"
#include "support/oracle_problem.h"

using namespace allot;
using place::Problem;
using place::Score;
using place::UnitPlacement;

namespace {

/// The best score of all placements, one by one.
Score best_of_all(const Problem& problem) {
  place::Evaluator evaluator(problem);
  UnitPlacement placement(problem.graph().num_units());
  std::vector<uint32_t> digit(placement.size(), 0);
  Score best;
  for (bool first = true;; first = false) {
    for (place::UnitId unit = 0; unit < placement.size(); ++unit) placement[unit] = problem.choices(unit)[digit[unit]];
    const Score score = evaluator.score(placement);
    if (first || score < best) best = score;
    place::UnitId unit = 0;
    while (unit < digit.size() && ++digit[unit] == problem.choices(unit).size()) digit[unit++] = 0;
    if (unit == digit.size()) return best;
  }
}

}  // namespace

TEST_CASE("optima of 25 to 40 ops are proved, auto finds nine of ten, and no bound exceeds them") {
  const bool full = std::getenv("ALLOT_TEST_FULL") != nullptr;
  const uint64_t graphs = full ? 100 : 8;
  uint64_t proved = 0, found = 0, evaluations = 0;
  for (uint64_t seed = 0; seed < graphs; ++seed) {
    const Problem p = test::oracle_problem(seed);
    const auto result = place::solve_exact(p, {.evaluations = full ? 500'000u : 20'000u});
    INFO("seed " << seed);
    CHECK(p.bounds().best() <= result.score.makespan_ps);
    for (const auto* method : {"heft", "m-etf", "critical-path", "contiguous"})
      CHECK_FALSE(place::Evaluator(p).score(place::find_placer(method).place(p, {})) < result.score);
    const auto all = place::compare(p, "auto", {.evaluations = full ? 100'000u : 20'000u, .threads = 1});
    const Score ours = all.methods[all.best].score;
    CHECK(p.bounds().best() <= ours.makespan_ps);
    if (result.proved) CHECK_FALSE(ours < result.score);
    proved += result.proved;
    found += result.proved && ours == result.score;
    evaluations += result.evaluations;
  }
  UNSCOPED_INFO(found << " found of " << proved << " proved of " << graphs << ", " << evaluations << " evaluations");
  CHECK(proved >= graphs * (full ? 95 : 60) / 100);
  CHECK(found >= (full ? graphs : proved) * 9 / 10);
}

TEST_CASE("without a proof the answer is still the best that was seen") {
  const Problem p = test::random_problem({.ops = 60, .width = 6, .devices = 3});
  bool proved = true;
  const auto placement = place::find_placer("exact").place(p, {.evaluations = 50, .proved = &proved});
  CHECK_FALSE(proved);
  CHECK_FALSE(place::Evaluator(p).score(place::find_placer("heft").place(p, {})) <
              place::Evaluator(p).score(placement));
}

TEST_CASE("branch and bound tells each improvement, and at the end how much it evaluated") {
  const Problem p = test::random_problem({.ops = 24, .width = 4, .devices = 2, .seed = 3});
  std::vector<place::CurvePoint> curve;
  uint64_t told = 0;
  const auto result =
      place::solve_exact(p, {.progress = [&](uint64_t evaluations, const Score&) { told = evaluations; },
                             .improved = [&](const auto& point) { curve.push_back(point); }});
  CHECK(told == result.evaluations);
  REQUIRE(curve.size() > 1);
  for (size_t i = 1; i < curve.size(); ++i) CHECK(curve[i].best < curve[i - 1].best);
  CHECK(curve.back().best == result.score);
  CHECK(curve.back().evaluations <= told);
}

TEST_CASE("only devices that are alike in all respects are interchangeable") {
  const auto graph = graph::layered({.ops = 10});
  const auto classes = [&](const cluster::Cluster& cluster, std::vector<int64_t> row) {
    std::vector<int64_t> time_ps;
    for (int op = 0; op < 10; ++op) time_ps.insert(time_ps.end(), row.begin(), row.end());
    return place::interchangeable(Problem(graph, cluster, test::simple_costs(graph, cluster.size(), time_ps)));
  };
  using Classes = std::vector<place::DeviceId>;
  CHECK(classes(test::simple_cluster({.devices = 3}), {5, 5, 5}) == Classes{0, 0, 0});
  CHECK(classes(test::simple_cluster({.devices = 3}), {5, 6, 5}) == Classes{0, 1, 0});
  CHECK(classes(test::simple_cluster({.devices = 3, .io_device = 0}), {5, 5, 5}) == Classes{0, 1, 1});
  auto cluster = test::simple_cluster({.devices = 3});
  cluster.devices[2].memory_bytes /= 2;
  CHECK(classes(cluster, {5, 5, 5}) == Classes{0, 0, 2});
  cluster = test::simple_cluster({.devices = 3});
  cluster.routes[0 * 3 + 2].latency_ps = 7;
  CHECK(classes(cluster, {5, 5, 5}) == Classes{0, 1, 2});
  cluster = test::simple_cluster({.devices = 3});
  for (auto& route : cluster.routes) std::fill(route.channels.begin(), route.channels.end(), 0);  // one bus for all
  CHECK(classes(cluster, {5, 5, 5}) == Classes{0, 1, 2});
}

TEST_CASE("branch and bound equals enumeration") {
  int limited = 0;
  for (uint64_t seed = 0; seed < 150; ++seed) {
    base::Rng rng(seed, 32);
    test::ProblemOptions options{.ops = 3 + rng.below(7), .width = 1 + rng.below(4), .devices = 2 + rng.below(2)};
    options.seed = seed;
    options.unequal = rng.below(2) ? 0.5 : 0;
    options.forbidden = options.unequal > 0 ? 0.1 : 0;
    if (rng.below(3) == 0) options.memory_bytes = (1 + rng.below(12)) * (int64_t{1} << 20);
    if (rng.below(2)) options.io_device = 0;
    const Problem p = test::random_problem(options);
    const auto result = place::solve_exact(p, {});
    INFO("seed " << seed);
    REQUIRE(result.proved);
    REQUIRE(result.score == best_of_all(p));
    REQUIRE(place::Evaluator(p).score(result.placement) == result.score);
    if (result.score.overflow_bytes == 0) REQUIRE(p.bounds().best() <= result.score.makespan_ps);
    limited += options.memory_bytes < int64_t{1} << 40;
  }
  CHECK(limited > 30);
}
