// SPDX-License-Identifier: Apache-2.0
#include "sim/order_incremental.h"

#include <catch2/catch.hpp>
#include <cstdlib>

#include "base/error.h"
#include "sim/order_evaluator.h"
#include "sim/random_case.h"

using namespace allot;
using base::Rng;
using sim::Move;
using sim::OrderEvaluator;
using sim::OrderIncremental;
using test::RandomCase;

namespace {

/// Tries `steps` sets of moves, some of which become the base, and compares each with a whole pass.
void walk(Rng& rng, RandomCase c, int steps) {
  const uint32_t ops = c.graph.num_ops();
  std::vector<uint32_t> order;
  if (test::chance(rng, 0.5)) order = test::random_order(rng, c.graph);
  OrderEvaluator evaluator(c.graph, c.costs, c.cluster, order);
  OrderIncremental incremental(c.graph, c.costs, c.cluster, order);
  REQUIRE(incremental.reset(c.placement) == evaluator.run(c.placement));
  for (int step = 0; step < steps; ++step) {
    std::vector<Move> moves(1 + rng.below(test::chance(rng, 0.5) ? 1 : 5));
    const uint32_t from = rng.below(ops), span = 1 + rng.below(40);  // close to one another
    auto moved = c.placement;
    for (Move& move : moves) {
      move.op = std::min(ops - 1, from + rng.below(span));
      move.device = test::random_device(rng, c.costs, move.op);
      moved[move.op] = move.device;
    }
    const int64_t expected = evaluator.run(moved);
    INFO("step " << step);
    REQUIRE(incremental.try_moves(moves) == expected);
    if (!test::chance(rng, 0.2)) continue;
    incremental.accept();
    c.placement = moved;
    REQUIRE(incremental.makespan_ps() == expected);
    REQUIRE(std::equal(moved.begin(), moved.end(), incremental.placement().begin()));
  }
}

}  // namespace

TEST_CASE("moves in a fixed order give what whole passes give") {
  const bool full = std::getenv("ALLOT_TEST_FULL") != nullptr;  // 1,000,000 tries instead of 20,000
  for (uint64_t seed = 0; seed < (full ? 25000 : 500); ++seed) {
    Rng rng(seed, 30);
    INFO("seed " << seed);
    if (seed % 4 == 0) {
      walk(rng, test::layered_case(rng, 1 + rng.below(1500)), 40);
    } else {
      walk(rng, test::random_case(rng, 1 + rng.below(seed % 3 == 0 ? 500 : 40)), 40);
    }
  }
}

TEST_CASE("a base in a fixed order survives moves that cannot be run") {
  Rng rng(3, 30);
  RandomCase c = test::layered_case(rng, 300);
  const uint32_t devices = c.cluster.size();
  c.cluster.io_device.reset();
  c.placement.assign(300, 0);
  for (uint32_t to = 1; to < devices; ++to) c.cluster.routes[to].reachable = false;
  c.costs.time_ps[1] = cost::kCannotRun;
  OrderIncremental incremental(c.graph, c.costs, c.cluster);
  const int64_t base_ps = incremental.reset(c.placement);
  const auto kind_of = [&](const auto& run) {
    try {
      run();
    } catch (const base::Error& error) {
      return error.kind();
    }
    return base::ErrorKind::check_failed;
  };
  const auto kind = [&](Move move) { return kind_of([&] { incremental.try_moves(std::vector<Move>{move}); }); };
  for (int again = 0; again < 2; ++again) {
    CHECK(kind({300, 0}) == base::ErrorKind::internal);
    CHECK(kind({0, devices}) == base::ErrorKind::internal);
    CHECK(kind({0, 1}) == base::ErrorKind::internal);
    CHECK(kind({250, 1}) == base::ErrorKind::unavailable);
    CHECK(kind_of([&] { incremental.accept(); }) == base::ErrorKind::internal);
    CHECK(incremental.try_moves({}) == base_ps);
  }
}
