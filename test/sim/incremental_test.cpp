// SPDX-License-Identifier: Apache-2.0
#include "sim/incremental.h"

#include <catch2/catch.hpp>
#include <cstdlib>
#include <functional>

#include "base/error.h"
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

/// Any rules of dataflow, by about half of which runs can be restarted; and ops that share blocks with their inputs.
void draw_rules(Rng& rng, RandomCase& c) {
  cluster::Simulation& rules = c.cluster.simulation;
  rules.contention = static_cast<cluster::Contention>(rng.below(test::chance(rng, 0.2) ? 5 : 4));
  rules.queue = test::chance(rng, 0.8) ? cluster::Queue::fifo : static_cast<cluster::Queue>(rng.below(3));
  if (test::chance(rng, 0.3))
    rules.send = cluster::Send::once;
  else
    rules.forwarding = static_cast<cluster::Forwarding>(rng.below(test::chance(rng, 0.2) ? 3 : 2));
  if (test::chance(rng, 0.3)) rules.blocking_transfers = static_cast<cluster::Blocking>(rng.below(3));
  rules.in_place = test::chance(rng, 0.5);
  rules.op_gap_ps = test::chance(rng, 0.3) ? rng.below(4) : 0;
  rules.transfer_gap_ps = test::chance(rng, 0.3) ? rng.below(4) : 0;
  const bool streams = test::chance(rng, 0.2);
  for (cluster::Device& device : c.cluster.devices) {
    device.streams = streams ? 1 + rng.below(2) : 1;
    device.copy_engines = test::chance(rng, 0.3) ? rng.below(3) : 0;
    device.fragmentation = 1 + 0.25 * rng.below(3);
  }
  c.costs.ops.resize(c.graph.num_ops());
  for (cost::OpCost& op : c.costs.ops)
    op.op_class = test::chance(rng, 0.2)   ? cluster::OpClass::alias
                  : test::chance(rng, 0.3) ? cluster::OpClass::elementwise
                                           : cluster::OpClass::matmul;
}

/// Tries `steps` sets of moves from one random placement after the other, every result compared with a whole run.
void walk(Rng& rng, RandomCase& c, int steps, bool memory) {
  const uint32_t ops = c.graph.num_ops();
  sim::Simulator simulator(c.graph, c.costs, c.cluster);
  Incremental incremental(c.graph, c.costs, c.cluster, memory);
  auto base = simulator.run(c.placement, {.memory = memory});
  REQUIRE(incremental.reset(c.placement).makespan_ps == base.makespan_ps);
  for (int step = 0; step < steps; ++step) {
    const auto moves = random_moves(rng, c.costs, ops);
    auto moved = c.placement;
    for (const Move& move : moves) moved[move.op] = move.device;
    const auto& expected = simulator.run(moved, {.memory = memory});
    const bool limited = test::chance(rng, 0.5);
    const int64_t span = expected.makespan_ps / 8 + 5;
    const int64_t cutoff_ps =
        limited ? expected.makespan_ps + span / 2 - rng.below(static_cast<uint32_t>(span)) : Incremental::kNoCutoff;
    const auto result = incremental.try_moves(moves, cutoff_ps);
    INFO("step " << step);
    REQUIRE(result.exact == (expected.makespan_ps <= cutoff_ps));
    REQUIRE(incremental.base().makespan_ps == base.makespan_ps);
    REQUIRE(incremental.base().overflow_bytes == base.overflow_bytes);
    if (!result.exact) {
      REQUIRE(result.makespan_ps > cutoff_ps);
      REQUIRE(result.makespan_ps <= expected.makespan_ps);
      REQUIRE(result.overflow_bytes <= expected.overflow_bytes);
      continue;
    }
    REQUIRE(result.makespan_ps == expected.makespan_ps);
    REQUIRE(result.overflow_bytes == expected.overflow_bytes);
    if (!test::chance(rng, 0.3)) continue;
    incremental.accept();
    c.placement = moved;
    base = expected;
    REQUIRE(std::equal(moved.begin(), moved.end(), incremental.placement().begin()));
  }
}

bool full() { return std::getenv("ALLOT_TEST_FULL") != nullptr; }

base::ErrorKind kind_of(const std::function<void()>& run) {
  try {
    run();
  } catch (const base::Error& error) {
    return error.kind();
  }
  return base::ErrorKind::check_failed;
}

}  // namespace

TEST_CASE("incremental results equal whole runs on small problems full of ties") {
  // In full 1,000,000 tries, else 20,000.
  for (uint64_t seed = 0; seed < (full() ? 24000 : 480); ++seed) {
    Rng rng(seed, 20);
    RandomCase c = test::random_case(rng, 1 + rng.below(seed % 20 == 0 ? 400 : 40));
    if (seed % 2 == 0) draw_rules(rng, c);
    INFO("seed " << seed);
    walk(rng, c, 40, seed % 3 != 0);
  }
}

TEST_CASE("incremental results equal whole runs on layered graphs") {
  for (uint64_t seed = 0; seed < (full() ? 1000 : 20); ++seed) {
    Rng rng(seed, 21);
    RandomCase c = test::layered_case(rng, 20 + rng.below(600));
    INFO("seed " << seed);
    walk(rng, c, 40, seed % 2 != 0);
  }
}

TEST_CASE("moves apply in order, and those that change nothing give the base") {
  Rng rng(1, 23);
  RandomCase c = test::layered_case(rng, 50);
  Incremental incremental(c.graph, c.costs, c.cluster);
  const auto base = incremental.reset(c.placement);
  const uint32_t here = c.placement[7], there = (here + 1) % c.cluster.size();
  CHECK(incremental.try_moves({}).makespan_ps == base.makespan_ps);
  CHECK(incremental.try_moves(std::vector<Move>{{7, there}, {7, here}}).makespan_ps == base.makespan_ps);
  CHECK_FALSE(incremental.try_moves({}, base.makespan_ps - 1).exact);
  const auto moved = incremental.try_moves(std::vector<Move>{{7, there}});
  CHECK(incremental.try_moves(std::vector<Move>{{7, there}, {7, here}, {7, there}}).makespan_ps == moved.makespan_ps);
  incremental.accept();
  CHECK(incremental.placement()[7] == there);
  CHECK(incremental.base().makespan_ps == moved.makespan_ps);
}

TEST_CASE("the base survives moves that are refused or cannot be run") {
  Rng rng(2, 23);
  RandomCase c = test::layered_case(rng, 50);
  const uint32_t devices = c.cluster.size();
  c.placement.assign(50, 0);
  for (uint32_t to = 1; to < devices; ++to) c.cluster.routes[to].reachable = false;
  c.costs.time_ps[30 * devices + 1] = cost::kCannotRun;
  Incremental incremental(c.graph, c.costs, c.cluster);
  const int64_t base_ps = incremental.reset(c.placement).makespan_ps;
  const auto kind = [&](Move move) { return kind_of([&] { incremental.try_moves(std::vector<Move>{move}); }); };
  for (int again = 0; again < 2; ++again) {
    CHECK(kind({50, 0}) == base::ErrorKind::internal);
    CHECK(kind({0, devices}) == base::ErrorKind::internal);
    CHECK(kind({30, 1}) == base::ErrorKind::internal);
    CHECK(kind({40, 1}) == base::ErrorKind::unavailable);
    CHECK(kind_of([&] { incremental.accept(); }) == base::ErrorKind::internal);
    CHECK(incremental.try_moves({}).makespan_ps == base_ps);
  }
  CHECK_FALSE(incremental.try_moves({}, 0).exact);
  CHECK(kind_of([&] { incremental.accept(); }) == base::ErrorKind::internal);
}
