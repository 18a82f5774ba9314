// SPDX-License-Identifier: Apache-2.0
#include "sim/incremental.h"

#include <catch2/catch.hpp>
#include <cstdlib>

#include "sim/random_case.h"

using namespace allot;
using base::Rng;
using sim::Incremental;
using sim::Move;
using test::RandomCase;

namespace {

std::vector<Move> random_moves(Rng& rng, const cost::CostTable& costs, uint32_t ops) {
  std::vector<Move> moves(test::chance(rng, 0.5) ? 1 : rng.below(4));
  for (Move& move : moves) {
    move.op = rng.below(ops);
    move.device = test::random_device(rng, costs, move.op);
  }
  return moves;
}

/// A walk of `steps` tried moves from one random placement, every result compared with a full run.
void walk(uint64_t seed, int steps, bool memory) {
  Rng rng(seed, 20);
  const uint32_t ops = 1 + rng.below(seed % 50 == 0 ? 400 : 40);
  RandomCase c = test::random_case(rng, ops);
  sim::Simulator simulator(c.graph, c.costs, c.cluster);
  Incremental incremental(c.graph, c.costs, c.cluster, memory);
  INFO("seed " << seed << " memory " << memory);
  const auto full = simulator.run(c.placement, {.memory = memory});
  REQUIRE(incremental.reset(c.placement).makespan_ps == full.makespan_ps);
  for (int step = 0; step < steps; ++step) {
    const auto moves = random_moves(rng, c.costs, ops);
    auto moved = c.placement;
    for (const Move& move : moves) moved[move.op] = move.device;
    const auto& expected = simulator.run(moved, {.memory = memory});
    const int64_t slack = rng.below(20);
    const int64_t cutoff = test::chance(rng, 0.5) ? Incremental::kNoCutoff : expected.makespan_ps + 10 - slack;
    const auto result = incremental.try_moves(moves, cutoff);
    INFO("step " << step);
    REQUIRE(result.exact == (expected.makespan_ps <= cutoff));
    if (!result.exact) {
      REQUIRE(result.makespan_ps > cutoff);
      REQUIRE(result.makespan_ps <= expected.makespan_ps);
      REQUIRE(result.overflow_bytes <= expected.overflow_bytes);
      continue;
    }
    REQUIRE(result.makespan_ps == expected.makespan_ps);
    REQUIRE(result.overflow_bytes == expected.overflow_bytes);
    if (!test::chance(rng, 0.3)) continue;
    incremental.accept();
    c.placement = moved;
    REQUIRE(std::equal(moved.begin(), moved.end(), incremental.placement().begin()));
  }
}

}  // namespace

TEST_CASE("incremental results equal full runs on random walks") {
  const bool all = std::getenv("ALLOT_TEST_FULL") != nullptr;  // 1,000,000 moves instead of 20,000
  for (uint64_t seed = 0; seed < (all ? 25000 : 500); ++seed) walk(seed, 40, seed % 3 != 0);
}
