// SPDX-License-Identifier: Apache-2.0
#include "policy/baselines.h"

#include <atomic>
#include <mutex>
#include <set>

#include <catch2/catch.hpp>

#include "place/evaluator.h"
#include "support/random_problem.h"

using namespace allot;
using policy::Baseline;
using policy::Budgeted;

namespace {

const place::MethodResult* find(const std::vector<Baseline>& baselines, const std::string& method, Budgeted by) {
  for (const Baseline& each : baselines)
    if (each.result.method == method && each.by == by) return &each.result;
  return nullptr;
}

}  // namespace

TEST_CASE("searches spend what training spent, and each result has the score that it says") {
  const place::Problem problem = test::random_problem({.ops = 60, .seed = 3});
  std::mutex mutex;
  std::set<std::string> told;
  policy::BaselineOptions options;
  options.evaluations = 4000;
  options.seconds = 0.4;
  options.searches = {"auto", "anneal", "cem", "brkga"};
  options.progress = [&](const std::string& what, uint64_t, const place::Score&) {
    const std::scoped_lock lock(mutex);
    told.insert(what);
  };
  const auto baselines = policy::run_baselines(problem, options);
  place::Evaluator evaluator(problem);
  for (const Baseline& each : baselines) CHECK(evaluator.score_as_written(each.result.placement) == each.result.score);
  const auto* heft = find(baselines, "heft", Budgeted::once);
  REQUIRE(heft);
  for (const char* method : {"auto", "anneal", "cem", "brkga"}) {
    INFO(method);
    const auto* by_evaluations = find(baselines, method, Budgeted::evaluations);
    const auto* by_seconds = find(baselines, method, Budgeted::seconds);
    REQUIRE(by_evaluations);
    REQUIRE(by_seconds);
    CHECK(by_evaluations->score <= heft->score);
    CHECK(by_evaluations->evaluations > 3500);
    CHECK(by_evaluations->evaluations <= 4000);
    CHECK(by_seconds->seconds > 0.3);
    CHECK(by_seconds->seconds < 2);
    CHECK(told.contains(std::string(method) + ", equal evaluations"));
  }
}

TEST_CASE("the same budget of evaluations gives the same baselines at any number of threads") {
  const place::Problem problem = test::random_problem({.ops = 40, .seed = 4});
  policy::BaselineOptions options;
  options.evaluations = 1000;
  options.threads = 1;
  const auto one = policy::run_baselines(problem, options);
  options.threads = 2;
  const auto two = policy::run_baselines(problem, options);
  REQUIRE(one.size() == two.size());
  CHECK(one.back().by == Budgeted::evaluations);  // no time was given
  for (size_t i = 0; i < one.size(); ++i) CHECK(one[i].result.placement == two[i].result.placement);
}

TEST_CASE("stopped before the first answer, there is none") {
  const place::Problem problem = test::random_problem({.ops = 40, .seed = 4});
  const std::atomic<bool> stop = true;
  policy::BaselineOptions options;
  options.evaluations = 1000;
  options.stop = &stop;
  CHECK(policy::run_baselines(problem, options).empty());
}
