// SPDX-License-Identifier: Apache-2.0
#include "place/walker.h"

#include <catch2/catch.hpp>
#include <set>

#include "support/random_problem.h"

using namespace allot;
using place::UnitId;
using place::UnitPlacement;
using place::Walker;

namespace {

UnitPlacement fastest(const place::Problem& problem) {
  UnitPlacement placement;
  for (UnitId unit = 0; unit < problem.graph().num_units(); ++unit) placement.push_back(problem.fastest(unit));
  return placement;
}

}  // namespace

TEST_CASE("proposals are allowed, say what they change, and can be undone") {
  const auto p = test::random_problem({.ops = 60, .devices = 4, .seed = 1, .forbidden = 0.3});
  Walker walker(p, fastest(p));
  base::Rng rng(1);
  std::set<size_t> sizes;
  for (int i = 0; i < 3000; ++i) {
    const UnitPlacement before = walker.placement();
    const uint64_t fingerprint = walker.fingerprint();
    UnitPlacement expected = before;
    const auto moves = walker.propose(rng);
    for (const auto& [unit, device] : moves) {
      CHECK(p.allowed(unit, device));
      CHECK(expected[unit] != device);
      expected[unit] = device;
    }
    sizes.insert(moves.size());
    CHECK(walker.placement() == expected);
    CHECK((walker.fingerprint() == fingerprint) == (before == expected));
    if (i % 3 != 0) {
      walker.undo();
      CHECK(walker.placement() == before);
      CHECK(walker.fingerprint() == fingerprint);
    }
  }
  CHECK(sizes.size() > 5);  // one, two, runs, neighbourhoods
}

TEST_CASE("fingerprints do not tell interchangeable devices apart, others they do") {
  const auto equal =
      test::random_problem({.ops = 30, .devices = 3, .seed = 2, .unequal = 0, .forbidden = 0, .paired = 0});
  const auto fingerprint = [](const place::Problem& problem, const UnitPlacement& placement) {
    return Walker(problem, placement).fingerprint();
  };
  UnitPlacement placement(30, 0);
  for (UnitId unit = 0; unit < 30; unit += 3) placement[unit] = 1, placement[unit + 1] = 2;
  UnitPlacement renamed = placement;
  for (auto& device : renamed) device = (device + 1) % 3;
  CHECK(fingerprint(equal, placement) == fingerprint(equal, renamed));
  const auto unequal = test::random_problem({.ops = 30, .devices = 3, .seed = 2, .forbidden = 0, .paired = 0});
  CHECK(fingerprint(unequal, placement) != fingerprint(unequal, renamed));
  const auto io = test::random_problem(
      {.ops = 30, .devices = 3, .seed = 2, .unequal = 0, .forbidden = 0, .paired = 0, .io_device = 0});
  CHECK(fingerprint(io, placement) != fingerprint(io, renamed));
}

TEST_CASE("critical units are moved more often") {
  const auto p = test::random_problem({.ops = 200, .devices = 2, .seed = 3, .forbidden = 0, .paired = 0});
  Walker walker(p, UnitPlacement(200, 0));
  walker.set_critical(std::vector<UnitId>{7});
  base::Rng rng(1);
  int with_seven = 0;
  for (int i = 0; i < 1000; ++i) {
    for (const auto& move : walker.propose(rng)) with_seven += move.unit == 7;
    walker.undo();
  }
  CHECK(with_seven > 80);  // by chance it would be about 10
}
