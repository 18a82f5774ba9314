// SPDX-License-Identifier: Apache-2.0
#include "place/placer.h"

#include <atomic>
#include <catch2/catch.hpp>
#include <chrono>

#include "base/error.h"
#include "base/stopped.h"
#include "place/methods.h"
#include "place/repair.h"
#include "support/op_graph_builder.h"
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

/// What is run without being named, for latency.
std::vector<std::string> constructive() {
  std::vector<std::string> result;
  for (const auto* placer : place::constructive_placers(test::random_problem({.ops = 3})))
    result.push_back(placer->name);
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
  CHECK(known == std::vector<std::string>{
                     "single", "contiguous", "cheapest-cuts", "expert",        "pipeline",   "round-robin",   "m-topo",
                     "metis",  "mapping",    "heft",          "critical-path", "m-etf",      "m-sct",         "cem",
                     "brkga",  "exact",      "scenarios",     "anneal",        "multilevel", "fewest-devices"});
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

TEST_CASE("auto is never worse than each method of its portfolio alone, with the same seed and budget") {
  int beaten = 0;
  for (uint64_t seed = 0; seed < 200; ++seed) {
    const auto p = problem(seed);
    const Budget budget{.evaluations = 60, .seed = seed, .threads = 1};
    const Comparison all = compare(p, "auto", budget);
    INFO("seed " << seed);
    auto portfolio = constructive();
    portfolio.push_back("anneal");
    if (all.ending != place::Ending::optimal) CHECK(names(all) == portfolio);
    for (const std::string& method : portfolio) {
      const Comparison alone = compare(p, method, budget);
      const auto& chosen = alone.methods[alone.best];
      CHECK(chosen.method == method);
      CHECK_FALSE(chosen.score < all.methods[all.best].score);
      beaten += all.methods[all.best].score < chosen.score;
    }
  }
  CHECK(beaten > 200);
}

TEST_CASE("a named method is compared with the constructive ones, and evaluations count for all together") {
  const auto p = problem(1);
  const Budget budget{.evaluations = 50};
  CHECK(names(compare(p, "heft", budget)) == constructive());
  const auto with_search = compare(p, "anneal", budget);
  CHECK(names(with_search).back() == "anneal");
  CHECK(with_search.best == with_search.methods.size() - 1);
  uint64_t evaluations = 0;
  for (const auto& method : with_search.methods) evaluations += method.evaluations;
  CHECK(evaluations == 50);
  CHECK_THROWS_AS(compare(p, "magic", budget), base::Error);
}

TEST_CASE("a method for another objective is run when it is named") {
  const auto p = problem(1);
  const auto ran = names(compare(p, "pipeline", {.evaluations = 50}));
  CHECK(ran.back() == "pipeline");
  CHECK(std::find(ran.begin(), ran.end() - 1, "pipeline") == ran.end() - 1);
  const auto automatic = names(compare(p, "auto", {.evaluations = 50}));
  CHECK(std::find(automatic.begin(), automatic.end(), "pipeline") == automatic.end());
}

TEST_CASE("the search curve falls from the best constructive method to the best of all") {
  const auto p = test::random_problem({.ops = 120, .width = 8, .devices = 4, .seed = 2});
  const auto all = compare(p, "auto", {.evaluations = 2000});
  REQUIRE(all.curve.size() > 3);
  for (size_t i = 1; i < all.curve.size(); ++i) {
    CHECK(all.curve[i].best < all.curve[i - 1].best);
    CHECK(all.curve[i].evaluations > all.curve[i - 1].evaluations);
    CHECK(all.curve[i].seconds >= all.curve[i - 1].seconds);
  }
  CHECK(all.curve.front().evaluations >= all.methods.size() - 1);
  CHECK(all.curve.back().evaluations <= 2000);
  CHECK(all.curve.back().best == all.methods[all.best].score);
}

TEST_CASE("auto says when there is nothing to gain") {
  const auto alone = test::random_problem({.ops = 40, .devices = 1, .unequal = 0, .paired = 0});
  CHECK(compare(alone, "auto", {}).ending == place::Ending::optimal);  // one device: work is the bound

  // A chain with a side branch of 3 % on two equal devices.
  test::OpGraphBuilder builder;
  const auto a = builder.op({});
  const auto b = builder.op({a});
  builder.op({a});
  builder.op({b});
  const auto graph = builder.build();
  const place::Problem chain(graph, test::simple_cluster(), test::uniform_costs(graph, 2, {100, 100, 9, 100}));
  const auto stopped = compare(chain, "auto", {});
  CHECK(stopped.methods.back().method != "anneal");
  CHECK(stopped.ending ==
        (stopped.methods[stopped.best].score.makespan_ps == 300 ? place::Ending::optimal : place::Ending::no_headroom));
}

TEST_CASE("without a gain to hope for, a search runs only when it is asked for") {
  // Two equal devices so far apart that only one is worth using.
  test::OpGraphBuilder builder;
  const auto a = builder.op({}, {1000});
  const auto b = builder.op({a}, {1000});
  builder.op({a}, {1000});
  builder.op({b}, {1000});
  const auto graph = builder.build();
  const place::Problem p(graph, test::simple_cluster(), test::uniform_costs(graph, 2, {100, 100, 9, 100}));
  const auto stopped = compare(p, "auto", {});
  CHECK(stopped.ending == place::Ending::no_headroom);
  CHECK(stopped.methods.back().method != "anneal");
  CHECK(stopped.methods[stopped.best].score.makespan_ps == 309);
  CHECK(compare(p, "auto", {.evaluations = 500}).methods.back().method == "anneal");
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
  CHECK(took < 2.0);  // a busy machine is given room
  const auto none = compare(p, "auto", {.seconds = 0});
  auto quick = constructive();
  std::erase(quick, "m-sct");  // its linear programme takes longer than an answer at once may
  CHECK(names(none) == quick);
  for (const auto& method : none.methods) CHECK_FALSE(method.score < none.methods[none.best].score);
}

TEST_CASE("a stopped search gives what it has, and progress is told") {
  const auto p = problem(3);
  std::atomic<bool> stop = true;
  uint64_t told = 0;
  const auto start = place::find_placer("single").place(p, {});
  const Budget budget{
      .evaluations = 1000, .stop = &stop, .start = &start, .progress = [&](uint64_t n, const place::Score&) {
        told = n;
      }};
  const auto placement = place::find_placer("anneal").place(p, budget);
  CHECK(placement.size() == p.graph().num_units());
  CHECK(told >= 1);
  CHECK(told < 1000);
}

TEST_CASE("fewest devices: as many as memory needs, and no more") {
  // Eight independent ops with 100 bytes each that stay; a device has room for three.
  test::OpGraphBuilder builder;
  for (int i = 0; i < 8; ++i) builder.op({}, {1});
  const auto graph = builder.build();
  auto costs = test::uniform_costs(graph, 4, std::vector<int64_t>(8, 1000));
  costs.resident_bytes.assign(8, 100);
  const place::Problem p(graph, test::simple_cluster({.devices = 4, .memory_bytes = 320}), costs, {},
                         place::Objective::devices);
  const auto all = compare(p, "auto", {.evaluations = 2000});
  const auto& best = all.methods[all.best];
  CHECK(best.score.overflow_bytes == 0);
  CHECK(best.score.value == 3);
  CHECK(best.score.makespan_ps == 3000);
}

TEST_CASE("a plan for several scenarios is no worse on their mean than a plan for one of them") {
  for (uint64_t seed = 0; seed < 20; ++seed) {
    const auto shape = [&](double scale) {  // the same graph; ops and tensors grow at different rates
      auto graph = graph::layered({.ops = 40, .width = 6, .seed = seed});
      base::Rng rng(seed, 4);
      std::vector<int64_t> op_ps;
      for (int op = 0; op < 40; ++op) op_ps.push_back(1'000'000 + static_cast<int64_t>(scale * rng.below(50'000'000)));
      return std::make_shared<place::Problem>(
          graph, test::simple_cluster({.devices = 3, .latency_ps = 2'000'000, .bytes_per_s = 50e9}),
          test::uniform_costs(graph, 3, op_ps));
    };
    const auto small = shape(0.1), large = shape(2);
    place::Problem both = *small;
    both.also_serve(large, 1);
    const Budget budget{.evaluations = 3000, .seed = seed};
    const auto planned = compare(both, "auto", budget);
    place::Evaluator evaluator(both);
    for (const auto& single : {small, large}) {
      const auto alone = compare(*single, "auto", budget);
      INFO("seed " << seed);
      CHECK_FALSE(evaluator.score(alone.methods[alone.best].placement) < planned.methods[planned.best].score);
    }
  }
}

TEST_CASE("a stop ends methods that have nothing to show, and keeps what others gave") {
  const auto p = test::random_problem({.ops = 200});
  std::atomic<bool> stop{true};
  Budget budget{.threads = 1, .stop = &stop};
  CHECK_THROWS_AS(compare(p, "auto", budget), base::Stopped);
  for (const char* name : {"single", "mapping", "heft", "critical-path", "m-etf"})
    CHECK_THROWS_AS(place::find_placer(name).place(p, budget), base::Stopped);
  if (!place::m_sct_missing()) CHECK_THROWS_AS(place::find_placer("m-sct").place(p, budget), base::Stopped);

  budget.progress = [&](uint64_t, const place::Score&) { stop = true; };  // "single" is the first to report
  stop = false;
  const Comparison comparison = compare(p, "auto", budget);
  CHECK(names(comparison).front() == "single");
  CHECK(names(comparison).size() <= 2);  // and a search, which gives its start back
  CHECK(comparison.methods[comparison.best].score == comparison.methods.front().score);
  stop = false;
  CHECK_THROWS_AS(compare(p, "heft", budget), base::Stopped);
  stop = false;
  CHECK(compare(p, "single", budget).methods.size() == 1);
}

TEST_CASE("repair heeds a stop") {
  test::OpGraphBuilder builder;
  for (int i = 0; i < 2; ++i) builder.op({}, {1}, {builder.param(100)});
  const graph::OpGraph graph = builder.build();
  const place::Problem p(graph, test::simple_cluster({.memory_bytes = 150}), test::uniform_costs(graph, 2, {1, 1}));
  std::atomic<bool> stop{false};
  CHECK(place::repaired(p, {0, 0}, {.stop = &stop}) != place::UnitPlacement{0, 0});
  stop = true;
  CHECK_THROWS_AS(place::repaired(p, {0, 0}, {.stop = &stop}), base::Stopped);
}
