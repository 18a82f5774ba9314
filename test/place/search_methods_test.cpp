// SPDX-License-Identifier: Apache-2.0
// What the methods with favourites, samples and genes promise.
#include <algorithm>
#include <catch2/catch.hpp>

#include "place/earliest_task_first.h"
#include "place/methods.h"
#include "support/op_graph_builder.h"
#include "support/random_problem.h"
#ifdef ALLOT_CLP
#include "place/favourites.h"
#endif

using namespace allot;
using place::Problem;
using place::UnitPlacement;

namespace {

int64_t makespan(const Problem& problem, const UnitPlacement& placement) {
  return place::Evaluator(problem).score(placement).makespan_ps;
}

/// Op 0 feeds 1 and 2, and 3 reads both; 2 is the longer one.
graph::OpGraph diamond() {
  test::OpGraphBuilder builder;
  const auto source = builder.op({}, {100});
  const auto a = builder.op({source}, {100}), b = builder.op({source}, {100});
  builder.op({a, b}, {1});
  return builder.build();
}

}  // namespace

TEST_CASE("a device is kept for a favourite until others are urgent") {
  // Op 1 is ready on device 0 at once, but 2 is the favourite there: 1 goes to device 1 after a transfer of 10.
  const auto graph = diamond();
  const Problem p(graph, test::simple_cluster({.latency_ps = 10, .bytes_per_s = 1e18}),
                  test::uniform_costs(graph, 2, {100, 100, 150, 10}));
  CHECK(place::earliest_task_first(p, {}) == UnitPlacement{0, 0, 1, 1});
  CHECK(place::earliest_task_first(p, {}, {2, graph::kNone, 3, graph::kNone}) == UnitPlacement{0, 1, 0, 0});
}

#ifdef ALLOT_CLP
TEST_CASE("the programme favours the longer branch") {
  const auto graph = diamond();
  const Problem p(graph, test::simple_cluster({.latency_ps = 10'000'000, .bytes_per_s = 1e18}),
                  test::uniform_costs(graph, 2, {100'000'000, 100'000'000, 150'000'000, 10'000'000}));
  const auto favourite = place::favourites(p, {});
  CHECK(favourite[0] == 2);
  CHECK(favourite[2] == 3);
  CHECK(favourite[3] == graph::kNone);
}

TEST_CASE("no op is the favourite of two") {
  for (uint64_t seed = 0; seed < 20; ++seed) {
    const Problem p = test::random_problem({.ops = 150, .width = 6, .seed = seed});
    std::vector<int> times(150, 0);
    int count = 0;
    for (graph::OpId op = 0; const graph::OpId next : place::favourites(p, {})) {
      const auto successors = p.graph().successors[op++];
      if (next == graph::kNone) continue;
      REQUIRE(std::count(successors.begin(), successors.end(), next) == 1);
      REQUIRE(++times[next] == 1);
      ++count;
    }
    CHECK(count > 40);
  }
}
#endif

TEST_CASE("cross-entropy and genetic search improve on what they start from, the more the longer") {
  for (const auto method : {place::place_cem, place::place_brkga}) {
    int64_t starts = 0, brief = 0, longer = 0;
    for (uint64_t seed = 0; seed < 5; ++seed) {
      const Problem p = test::random_problem({.ops = 60, .width = 5, .devices = 3, .seed = seed});
      int64_t best = std::numeric_limits<int64_t>::max();
      for (const auto start : {place::place_single, place::place_heft, place::place_m_etf})
        best = std::min(best, makespan(p, start(p, {})));
      starts += best;
      brief += makespan(p, method(p, {.evaluations = 100}));
      longer += makespan(p, method(p, {.evaluations = 4000}));
    }
    CHECK(brief <= starts);
    CHECK(longer < 0.98 * static_cast<double>(brief));
  }
}

TEST_CASE("samples and genes depend on the seed alone") {
  const Problem p = test::random_problem({.ops = 60, .width = 5, .devices = 3, .seed = 1});
  for (const auto method : {place::place_cem, place::place_brkga}) {
    CHECK(method(p, {.evaluations = 1500, .seed = 4}) == method(p, {.evaluations = 1500, .seed = 4, .threads = 2}));
    CHECK(method(p, {.evaluations = 1500, .seed = 4}) != method(p, {.evaluations = 1500, .seed = 5}));
  }
}
