// SPDX-License-Identifier: Apache-2.0
#include "policy/canonical.h"

#include <algorithm>
#include <memory>
#include <set>
#include <utility>

#include <catch2/catch.hpp>

#include "place/evaluator.h"
#include "support/random_placement.h"
#include "support/random_problem.h"

using namespace allot;
using place::UnitPlacement;
using policy::CanonicalForm;
using policy::key_of;

namespace {

/// Six units of one op each on four devices, all alike but an io device.
place::Problem six_units(std::optional<cluster::DeviceId> io_device = std::nullopt) {
  return test::random_problem(
      {.ops = 6, .devices = 4, .unequal = 0, .forbidden = 0, .paired = 0, .io_device = io_device});
}

}  // namespace

TEST_CASE("interchangeable devices are numbered by first use along the order") {
  const auto problem = six_units();
  const CanonicalForm by_id(problem), backwards(problem, {5, 4, 3, 2, 1, 0});
  CHECK(by_id.has_symmetry());
  CHECK(by_id.of({3, 3, 1, 0, 1, 3}) == UnitPlacement{0, 0, 1, 2, 1, 0});
  CHECK(backwards.of({3, 3, 1, 0, 1, 3}) == UnitPlacement{0, 0, 1, 2, 1, 0});
  CHECK(backwards.of({3, 3, 1, 0, 1, 1}) == UnitPlacement{2, 2, 0, 1, 0, 0});
  CHECK(by_id.of({0, 1, 2, 3, 0, 0}) == UnitPlacement{0, 1, 2, 3, 0, 0});
}

TEST_CASE("a device that differs keeps its number") {
  const CanonicalForm form(six_units(1));
  CHECK(form.of({1, 3, 2, 1, 0, 3}) == UnitPlacement{1, 0, 2, 1, 3, 0});
  const auto unequal = test::random_problem({.ops = 6, .devices = 4, .paired = 0});
  CHECK_FALSE(CanonicalForm(unequal).has_symmetry());
  CHECK(CanonicalForm(unequal).of({0, 0, 0, 0, 0, 0}) == UnitPlacement(6, 0));
}

TEST_CASE("devices must be alike for every input shape, and for whoever scores") {
  auto problem = six_units();
  problem.also_serve(std::make_shared<place::Problem>(six_units(2)), 1);
  CHECK(CanonicalForm(problem).of({3, 2, 1, 0, 0, 0}) == UnitPlacement{0, 2, 1, 3, 3, 3});
  auto scored = six_units();
  scored.score_with([] { return [](std::span<const place::DeviceId>) { return place::Score{}; }; });
  CHECK_FALSE(CanonicalForm(scored).has_symmetry());
}

TEST_CASE("canonical placements score as theirs do, and all renamings have one") {
  for (uint64_t seed = 0; seed < 20; ++seed) {
    const auto problem = test::random_problem({.ops = 40,
                                               .devices = 4,
                                               .seed = seed,
                                               .memory_bytes = seed % 2 ? 8 << 20 : int64_t{1} << 50,
                                               .unequal = 0,
                                               .forbidden = 0,
                                               .io_device = seed % 3 ? std::nullopt : std::optional<uint32_t>(0)});
    const CanonicalForm form(problem);
    REQUIRE(form.has_symmetry());
    place::Evaluator evaluator(problem);
    for (const UnitPlacement& placement : test::random_placements(problem, 20, seed)) {
      const UnitPlacement canonical = form.of(placement);
      CHECK(evaluator.score(canonical) == evaluator.score(placement));
      CHECK(form.of(canonical) == canonical);
      UnitPlacement renamed = placement;
      for (auto& device : renamed) device = device == 1 ? 3 : device == 3 ? 1 : device;
      CHECK(form.of(renamed) == canonical);
    }
  }
}

TEST_CASE("keys tell placements apart") {
  std::set<std::pair<uint64_t, uint64_t>> keys;
  UnitPlacement placement(64, 0);
  size_t count = 0;
  const auto add = [&] {
    const auto key = key_of(placement);
    keys.emplace(key.low, key.high);
    ++count;
  };
  add();
  for (size_t a = 0; a < placement.size(); ++a)
    for (size_t b = 0; b < a; ++b)
      for (uint32_t device = 1; device < 4; ++device) {
        placement[a] = device, placement[b] = 4 - device;
        add();
        placement[a] = placement[b] = 0;
      }
  CHECK(keys.size() == count);
  CHECK(key_of(UnitPlacement(3, 0)) != key_of(UnitPlacement(4, 0)));
}
