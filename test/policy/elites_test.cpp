// SPDX-License-Identifier: Apache-2.0
#include "policy/elites.h"

#include <algorithm>

#include <catch2/catch.hpp>

#include "base/error.h"
#include "place/evaluator.h"
#include "support/random_placement.h"
#include "support/random_problem.h"

using namespace allot;
using place::UnitPlacement;
using policy::Elites;

namespace {

place::Problem four_units() {
  return test::random_problem({.ops = 4, .devices = 3, .unequal = 0, .forbidden = 0, .paired = 0});
}

std::vector<int64_t> values(const Elites& elites) {
  std::vector<int64_t> result;
  for (size_t i = 0; i < elites.size(); ++i) result.push_back(elites[i].score.value);
  return result;
}

}  // namespace

TEST_CASE("elites are the best distinct placements, best first") {
  const auto problem = four_units();
  Elites elites(problem, 3);
  CHECK(elites.empty());
  CHECK(elites.add({0, 0, 0, 0}, {0, 50, 50}));
  CHECK(elites.add({0, 1, 0, 0}, {0, 40, 40}));
  CHECK_FALSE(elites.add({1, 2, 1, 1}, {0, 40, 40}));  // the same but for the names of devices
  CHECK_FALSE(elites.add({0, 1, 2, 0}, {8, 10, 10}));  // does not fit
  CHECK(values(elites) == std::vector<int64_t>{40, 50, 10});
  CHECK_FALSE(elites.add({0, 1, 2, 1}, {0, 45, 45}));
  CHECK(values(elites) == std::vector<int64_t>{40, 45, 50});
  CHECK_FALSE(elites.add({0, 1, 2, 2}, {0, 60, 60}));
  CHECK_FALSE(elites.add({0, 1, 1, 2}, {0, 40, 40}));  // no better than the best: goes behind it
  CHECK(values(elites) == std::vector<int64_t>{40, 40, 45});
  CHECK(elites.best().placement == UnitPlacement{0, 1, 0, 0});
  CHECK(elites[1].placement == UnitPlacement{0, 1, 1, 2});
}

TEST_CASE("elites are those that sorting all would give, and the best is never lost") {
  const auto problem = test::random_problem({.ops = 12, .devices = 4, .memory_bytes = 4 << 20, .paired = 0});
  place::Evaluator evaluator(problem);
  for (const size_t most : {size_t{1}, size_t{7}, size_t{128}}) {
    Elites elites(problem, most);
    std::vector<std::pair<place::Score, UnitPlacement>> all;
    for (const auto& placement : test::random_placements(problem, 500, most)) {
      const auto score = evaluator.score(placement);
      const bool best = elites.add(placement, score);
      CHECK(best == (all.empty() || score < std::min_element(all.begin(), all.end())->first));
      if (std::none_of(all.begin(), all.end(), [&](const auto& other) { return other.second == placement; }))
        all.emplace_back(score, placement);
    }
    std::stable_sort(all.begin(), all.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
    REQUIRE(elites.size() == std::min(most, all.size()));
    for (size_t i = 0; i < elites.size(); ++i) {
      CHECK(elites[i].score == all[i].first);
      CHECK(elites[i].placement == all[i].second);
    }
  }
}

TEST_CASE("elites come back from their state, and others are refused") {
  const auto problem = test::random_problem({.ops = 12, .devices = 4, .forbidden = 0.3});
  place::Evaluator evaluator(problem);
  Elites elites(problem, 20);
  for (const auto& placement : test::random_placements(problem, 60, 1))
    elites.add(placement, evaluator.score(placement));
  const auto state = elites.state();
  Elites back(problem, 20);
  back.restore(state, "checkpoint");
  REQUIRE(back.size() == 20);
  for (size_t i = 0; i < back.size(); ++i) {
    CHECK(back[i].score == elites[i].score);
    CHECK(back[i].placement == elites[i].placement);
    CHECK(back[i].key == elites[i].key);
  }

  const auto refused = [&](auto change, const std::string& what) {
    auto wrong = state;
    change(wrong);
    CHECK_THROWS_WITH(back.restore(wrong, "checkpoint"), Catch::Contains("checkpoint: ") && Catch::Contains(what));
    CHECK(back.size() == 20);
  };
  refused([](auto& s) { s.placements.pop_back(); }, "which is not so for");
  refused([](auto& s) { s.scores.pop_back(); }, "which is not so for");
  refused([](auto& s) { s.placements[3] = 4; }, "unit 3 on device 4");
  refused([](auto& s) { s.placements[0] = -1; }, "unit 0 on device -1");
  place::UnitId bound = 0;
  while (problem.choices(bound).size() == 4) ++bound;
  place::DeviceId device = 0;
  while (problem.allowed(bound, device)) ++device;
  refused([&](auto& s) { s.placements[bound] = static_cast<int32_t>(device); }, "which may not run it");
}
