// SPDX-License-Identifier: Apache-2.0
// What searches large graphs: parts, coarser graphs, windows.
#include <catch2/catch.hpp>
#include <numeric>

#include "place/coarsen.h"
#include "place/methods.h"
#include "place/part.h"
#include "support/op_graph_builder.h"
#include "support/random_problem.h"

using namespace allot;
using place::DeviceId;
using place::OpId;
using place::Problem;
using place::UnitId;
using place::UnitPlacement;

namespace {

std::vector<OpId> range(OpId begin, OpId end) {
  std::vector<OpId> ops(end - begin);
  std::iota(ops.begin(), ops.end(), begin);
  return ops;
}

UnitPlacement drawn(const Problem& problem, base::Rng& rng) {
  UnitPlacement placement;
  for (UnitId unit = 0; unit < problem.graph().num_units(); ++unit) {
    const auto choices = problem.choices(unit);
    placement.push_back(choices[rng.below(static_cast<uint32_t>(choices.size()))]);
  }
  return placement;
}

int64_t makespan_ps(const Problem& problem, const UnitPlacement& placement) {
  return place::Evaluator(problem).score(placement).makespan_ps;
}

/// A deep graph of equal devices, as large graphs are, but small.
Problem deep(uint32_t ops, uint64_t seed, int64_t memory_bytes = int64_t{1} << 50) {
  auto graph = graph::giph(ops, 0.15, 0.1, seed);
  base::Rng rng(seed, 5);
  std::vector<int64_t> op_ps;
  for (OpId op = 0; op < graph.num_ops(); ++op) op_ps.push_back(1'000'000 + rng.below(99'000'000));
  auto costs = test::uniform_costs(graph, 4, op_ps);
  auto cluster = test::simple_cluster(
      {.devices = 4, .latency_ps = 2'000'000, .bytes_per_s = 50e9, .memory_bytes = memory_bytes, .align_bytes = 256});
  return Problem(std::move(graph), std::move(cluster), std::move(costs));
}

}  // namespace

TEST_CASE("a part of everything runs as the whole does, within the same memory") {
  for (uint64_t seed = 0; seed < 50; ++seed) {
    const Problem p = test::random_problem({.ops = 60, .devices = 3, .seed = seed, .memory_bytes = 40 << 20});
    base::Rng rng(seed, 6);
    const UnitPlacement placement = drawn(p, rng);
    const auto held = place::Evaluator(p).outcome(placement).param_bytes;
    const auto part = place::cut_out(p, {}, range(0, 60), placement, held);
    INFO("seed " << seed);
    REQUIRE(part.units == range(0, p.graph().num_units()));
    for (int i = 0; i < 5; ++i) {
      const UnitPlacement other = drawn(p, rng);
      REQUIRE(makespan_ps(part.problem, other) == makespan_ps(p, other));
    }
    for (UnitId unit = 0; unit < p.graph().num_units(); ++unit)
      REQUIRE(std::ranges::equal(part.problem.choices(unit), p.choices(unit)));
    for (DeviceId device = 0; device < 3; ++device) {  // all but what rounding up to blocks takes
      const int64_t missing =
          p.cluster().devices[device].usable_bytes() - part.problem.cluster().devices[device].usable_bytes();
      REQUIRE(std::abs(missing) <= 60 * 256 + p.graph().num_params() * 256);
    }
  }
}

TEST_CASE("in a part only units that are whole are free, and what comes from before has to travel") {
  test::OpGraphBuilder builder;  // 0 and 1 make what 2 and 3 read; 4 shares its unit with 1
  const auto first = builder.op({}), second = builder.op({});
  builder.op({first});
  builder.op({first, second});
  builder.op({second});
  auto graph = builder.build();
  graph::set_units(graph, {0, 1, 2, 3, 1});
  const auto cluster = test::simple_cluster({.devices = 2, .latency_ps = 250});
  const Problem p(graph, cluster, test::uniform_costs(graph, 2, {100, 100, 100, 100, 100}));
  const UnitPlacement placement = {0, 0, 0, 0};
  const std::vector<int64_t> held = {0, 0};
  const auto part = place::cut_out(p, range(1, 2), range(2, 5), placement, held);
  REQUIRE(part.units == std::vector<UnitId>{1, 2, 3});
  CHECK(part.problem.choices(0).size() == 1);  // the unit of 1 and 4
  CHECK(part.problem.choices(1).size() == 2);
  CHECK(part.problem.choices(2).size() == 2);
  // Op 1 makes the tensor of op 0, too.
  CHECK(makespan_ps(part.problem, {0, 0, 0}) == 400);
  CHECK(makespan_ps(part.problem, {0, 1, 0}) == 100 + p.cluster().transfer_ps(0, 1, p.costs().tensor_bytes[0]) + 100);
}

TEST_CASE("coarse graphs are acyclic, keep all work and bytes, and end up near the size asked for") {
  for (uint64_t seed = 0; seed < 40; ++seed) {
    const Problem p = test::random_problem({.ops = 400, .width = 1 + static_cast<uint32_t>(seed % 6), .seed = seed});
    const auto coarse = place::coarsen(p, 100);
    INFO("seed " << seed);
    if (!coarse) continue;
    const auto& graph = coarse->problem.graph();
    REQUIRE_NOTHROW(graph::check_invariants(graph));
    REQUIRE(graph.num_ops() < 330);
    UnitPlacement everything_on_0(graph.num_units(), 0);
    REQUIRE(makespan_ps(coarse->problem, everything_on_0) == makespan_ps(p, coarse->project(everything_on_0)));
    base::Rng rng(seed, 7);
    const UnitPlacement placement = coarse->project(drawn(coarse->problem, rng));
    for (UnitId unit = 0; unit < placement.size(); ++unit) REQUIRE(p.allowed(unit, placement[unit]));
  }
}

TEST_CASE("chains are joined and branches stay apart") {
  const auto problem = [](graph::OpGraph graph) {
    auto costs = test::uniform_costs(graph, 2, std::vector<int64_t>(graph.num_ops(), 1'000'000));
    return Problem(std::move(graph), test::simple_cluster({.devices = 2}), std::move(costs));
  };
  const Problem chain = problem(graph::chain(1000, 1));
  CHECK(place::coarsen(chain, 20)->problem.graph().num_ops() <= 40);
  const Problem branches = problem(graph::branches(1, 4, 100, 1 << 20));
  const auto coarse = place::coarsen(branches, 8);
  REQUIRE(coarse);
  CHECK(coarse->problem.graph().num_ops() <= 12);
  const auto best = place::place_heft(coarse->problem, {});
  CHECK(makespan_ps(branches, coarse->project(best)) <
        makespan_ps(branches, place::place_single(branches, {})) * 7 / 10);
}

TEST_CASE("windows gain on a deep graph what as many evaluations of the whole do not") {
  const Problem p = deep(3000, 1);
  const UnitPlacement start = place::best_start(p, {});
  const place::Budget budget{.evaluations = 60, .threads = 1, .start = &start};
  const UnitPlacement found = place::place_multilevel(p, budget);
  CHECK(makespan_ps(p, found) < makespan_ps(p, start) * 98 / 100);
  CHECK(makespan_ps(p, found) < makespan_ps(p, place::place_anneal(p, budget)));
  CHECK(place::place_multilevel(p, {.evaluations = 60, .threads = 2, .start = &start}) == found);
}

TEST_CASE("what fits still fits after a search in windows") {
  const int64_t memory = 900 << 20;
  const Problem p = deep(1500, 2, memory);
  const UnitPlacement start = place::best_start(p, {});
  const auto before = place::Evaluator(p).score(start);
  REQUIRE(before.overflow_bytes == 0);
  const auto after = place::Evaluator(p).score(place::place_multilevel(p, {.evaluations = 100, .start = &start}));
  CHECK(after.overflow_bytes == 0);
  CHECK(after.makespan_ps <= before.makespan_ps);
}

TEST_CASE("auto searches large graphs window by window") {
  const Problem p = deep(place::kManyOps, 3);
  const auto all = place::compare(p, "auto", {.evaluations = 40, .threads = 1});
  CHECK(all.methods.back().method == "multilevel");
  CHECK(all.best == all.methods.size() - 1);
  for (const auto& method : all.methods) CHECK(method.method != "m-sct");
}
