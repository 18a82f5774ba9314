// SPDX-License-Identifier: Apache-2.0
#include "place/placer.h"

#include <catch2/catch.hpp>
#include <chrono>

#include "base/error.h"
#include "support/random_problem.h"

using namespace allot;
using place::Budget;
using place::compare;
using place::Comparison;

namespace {

std::vector<std::string> names(const Comparison& comparison) {
  std::vector<std::string> result;
  for (const auto& method : comparison.methods) result.push_back(method.method);
  return result;
}

/// What this build has of the methods that do not search.
std::vector<std::string> constructive() {
  std::vector<std::string> result;
  for (const auto& placer : place::placers())
    if (!placer.missing && !placer.searches) result.push_back(placer.name);
  return result;
}

/// A case of the 200: sizes, devices, speeds, memory and io vary.
place::Problem problem(uint64_t seed) {
  base::Rng rng(seed, 3);
  test::ProblemOptions options{.ops = 5 + rng.below(80), .width = 1 + rng.below(8), .devices = 1 + rng.below(4)};
  options.seed = seed;
  options.unequal = rng.uniform() * 0.9;
  if (rng.below(4) == 0) options.memory_bytes = (4 + rng.below(40)) * (int64_t{1} << 20);
  if (rng.below(2) == 0) options.io_device = 0;
  return test::random_problem(options);
}

}  // namespace

TEST_CASE("the built-in placers are there in order of cost") {
  std::vector<std::string> known;
  for (const auto& placer : place::placers()) known.push_back(placer.name);
  CHECK(known == std::vector<std::string>{"single", "contiguous", "expert", "pipeline", "round-robin", "m-topo",
                                          "metis", "heft", "critical-path", "m-etf", "anneal"});
  CHECK(place::find_placer("heft").name == "heft");
  try {
    place::find_placer("hefd");
    FAIL("found");
  } catch (const base::Error& error) {
    CHECK(error.kind() == base::ErrorKind::usage);
    CHECK(std::string(error.what()).find("'heft'") != std::string::npos);
  }
}

TEST_CASE("the default budget is about 20 million op visits within limits") {
  const auto evaluations = [](uint32_t ops) { return place::default_evaluations(test::random_problem({.ops = ops})); };
  CHECK(evaluations(10) == 20000);
  CHECK(evaluations(2000) == 10000);
  CHECK(evaluations(400000) == 100);
}

TEST_CASE("auto is never worse than each method alone, with the same seed and budget") {
  int beaten = 0;
  for (uint64_t seed = 0; seed < 200; ++seed) {
    const auto p = problem(seed);
    const Budget budget{.evaluations = 60, .seed = seed, .threads = 1};
    const Comparison all = compare(p, "auto", budget);
    INFO("seed " << seed);
    CHECK(all.methods.size() == constructive().size() + 1);
    for (const auto& placer : place::placers()) {
      if (placer.missing) continue;
      const Comparison alone = compare(p, placer.name, budget);
      const auto& chosen = alone.methods[alone.best];
      CHECK(chosen.method == placer.name);
      CHECK_FALSE(chosen.score < all.methods[all.best].score);
      beaten += all.methods[all.best].score < chosen.score;
    }
  }
  CHECK(beaten > 200);
}

TEST_CASE("a named method is compared with the constructive ones") {
  const auto p = problem(1);
  const Budget budget{.evaluations = 20};
  CHECK(names(compare(p, "heft", budget)) == constructive());
  const auto with_search = compare(p, "anneal", budget);
  CHECK(names(with_search).back() == "anneal");
  CHECK(with_search.best == with_search.methods.size() - 1);
  CHECK(with_search.methods.back().evaluations == 20);
  CHECK_THROWS_AS(compare(p, "magic", budget), base::Error);
}

TEST_CASE("results do not depend on the number of threads") {
  for (uint64_t seed = 0; seed < 20; ++seed) {
    const auto p = problem(seed);
    const auto one = compare(p, "auto", {.evaluations = 100, .seed = 5, .threads = 1});
    const auto four = compare(p, "auto", {.evaluations = 100, .seed = 5, .threads = 4});
    CHECK(one.best == four.best);
    for (size_t i = 0; i < one.methods.size(); ++i) {
      CHECK(one.methods[i].placement == four.methods[i].placement);
      CHECK(one.methods[i].score == four.methods[i].score);
      CHECK(one.methods[i].evaluations == four.methods[i].evaluations);
    }
  }
}

TEST_CASE("outcomes belong to the placements they come with") {
  const auto p = problem(7);
  for (const auto& method : compare(p, "auto", {.evaluations = 50}).methods) {
    place::Evaluator evaluator(p);
    CHECK(evaluator.score(method.placement) == method.score);
    CHECK(method.outcome.makespan_ps == method.score.makespan_ps);
    CHECK(method.outcome.start_ps.empty());
  }
}

TEST_CASE("a budget of seconds is kept, and none means constructive methods only") {
  const auto p = test::random_problem({.ops = 2000, .width = 8, .seed = 1});
  const auto start = std::chrono::steady_clock::now();
  place::find_placer("anneal").place(p, {.seconds = 0.5});
  const double took = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  CHECK(took >= 0.5);
  CHECK(took < 1.0);  // a busy machine is given room
  const auto none = compare(p, "auto", {.seconds = 0});
  const auto& anneal = none.methods.back();
  CHECK(anneal.evaluations < 10);
  for (const auto& method : none.methods) CHECK_FALSE(method.score < anneal.score);
}

TEST_CASE("a stopped search gives what it has, and progress is told") {
  const auto p = problem(3);
  std::atomic<bool> stop = true;
  uint64_t told = 0;
  const Budget budget{
      .evaluations = 1000, .stop = &stop, .progress = [&](uint64_t n, const place::Score&) { told = n; }};
  const auto placement = place::find_placer("anneal").place(p, budget);
  CHECK(placement.size() == p.graph().num_units());
  CHECK(told >= 1);
  CHECK(told < 1000);
}
