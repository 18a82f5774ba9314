// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>
#include <functional>

#include "place/ideals.h"
#include "place/methods.h"
#include "support/op_graph_builder.h"
#include "support/random_problem.h"

using namespace allot;
using namespace allot::place;

namespace {

/// Two chains of `length` that meet: (length + 1)^2 ideals and one for the end.
graph::OpGraph two_chains(uint32_t length) {
  test::OpGraphBuilder builder;
  graph::TensorId ends[2];
  for (auto& end : ends) {
    end = builder.op({});
    for (uint32_t i = 1; i < length; ++i) end = builder.op({end});
  }
  builder.output(builder.op({ends[0], ends[1]}));
  return builder.build();
}

/// A problem whose devices do nothing else while they send or receive, so that loads add up.
Problem blocking(const test::ProblemOptions& options) {
  const Problem other = test::random_problem(options);
  cluster::Cluster cluster = other.cluster();
  cluster.simulation.blocking_transfers = cluster::Blocking::both;
  cluster.simulation.contention = cluster::Contention::free;
  cluster.simulation.send = cluster::Send::once;
  return Problem(other.graph(), cluster, other.costs(), {}, Objective::throughput);
}

int64_t interval_ps(const Problem& problem, const UnitPlacement& placement) {
  return SteadyInterval(problem.graph(), problem.costs(), problem.cluster())(problem.expand(placement));
}

/// Each unit's stage is no earlier than those of the units before it: the splits that pipelines may use.
bool contiguous(const Problem& problem, const std::vector<uint32_t>& stage) {
  const auto& graph = problem.graph();
  for (graph::OpId op = 0; op < graph.num_ops(); ++op)
    for (const graph::OpId before : graph.predecessors[op])
      if (graph.unit_of[before] < graph.unit_of[op] && stage[graph.unit_of[before]] > stage[graph.unit_of[op]])
        return false;
  return true;
}

/// By trying every assignment of units to stages and of stages to devices.
int64_t least_interval_ps(const Problem& problem) {
  const uint32_t units = problem.graph().num_units(), devices = problem.devices();
  std::vector<DeviceId> order(devices);
  int64_t best = std::numeric_limits<int64_t>::max();
  std::vector<uint32_t> stage(units, 0);
  UnitPlacement placement(units);
  for (bool more = true; more;) {
    if (contiguous(problem, stage)) {
      for (uint32_t i = 0; i < devices; ++i) order[i] = i;
      do {
        bool allowed = true;
        for (UnitId unit = 0; unit < units; ++unit) {
          placement[unit] = order[stage[unit]];
          allowed = allowed && problem.allowed(unit, placement[unit]);
        }
        if (allowed) best = std::min(best, interval_ps(problem, placement));
      } while (std::next_permutation(order.begin(), order.end()));
    }
    uint32_t digit = 0;
    while (digit < units && ++stage[digit] == devices) stage[digit++] = 0;
    more = digit < units;
  }
  return best;
}

}  // namespace

TEST_CASE("ideals of two chains") {
  const auto graph = two_chains(9);
  const Ideals all(graph, 1000);
  CHECK(all.complete());
  CHECK(all.size() == 10 * 10 + 1);
  CHECK(all.steps(0).empty());
  CHECK(all.steps(all.size() - 1).size() == 1);
  for (uint32_t ideal = 1; ideal < all.size(); ++ideal)
    for (const auto& step : all.steps(ideal)) CHECK(step.smaller < ideal);

  CHECK(Ideals(graph, 101).complete());
  const Ideals thinned(graph, 100);
  CHECK_FALSE(thinned.complete());
  CHECK(thinned.size() == 20);  // one order of 19 units
  const Ideals coarse(graph, 5);
  REQUIRE(coarse.size() == 5);
  std::vector<UnitId> in_order;
  for (uint32_t ideal = 1; ideal < coarse.size(); ++ideal) {
    REQUIRE(coarse.steps(ideal).size() == 1);
    const auto units = coarse.units(coarse.steps(ideal)[0].unit);
    in_order.insert(in_order.end(), units.begin(), units.end());
  }
  REQUIRE(in_order.size() == 19);
  for (UnitId unit = 0; unit < 19; ++unit) CHECK(in_order[unit] == unit);
}

TEST_CASE("stages are optimal among contiguous ones") {
  for (uint64_t seed = 0; seed < 60; ++seed) {
    const Problem problem = blocking({.ops = 8,
                                      .width = 2 + static_cast<uint32_t>(seed % 3),
                                      .devices = 2 + static_cast<uint32_t>(seed % 2),
                                      .seed = seed,
                                      .unequal = seed % 4 == 0 ? 0.0 : 0.5,
                                      .forbidden = seed % 5 == 0 ? 0.2 : 0.0});
    const int64_t found = interval_ps(problem, place_pipeline(problem, {}));
    INFO("seed " << seed);
    CHECK(found == least_interval_ps(problem));
  }
}

TEST_CASE("what takes no time stays beside its only neighbour, so that ideals stay few") {
  // A chain of 6 ops; with leaves, each also reads 4 ops of no time, which makes more than 2^24 ideals of 7.
  const auto problem = [](int leaves) {
    test::OpGraphBuilder builder;
    std::vector<graph::TensorId> reads;
    std::vector<int64_t> op_ps;
    std::vector<uint32_t> leader;
    for (int i = 0; i < 6; ++i) {
      for (int leaf = 0; leaf < leaves; ++leaf) {
        reads.push_back(builder.op({}, {1000}));
        op_ps.push_back(0);
        leader.push_back(static_cast<uint32_t>((leaves + 1) * i + leaves));
      }
      reads = {builder.op(reads, {10'000 * (1 + i % 3)})};
      op_ps.push_back(1'000'000 * (1 + i * i % 5));
      leader.push_back(static_cast<uint32_t>(leader.size()));
    }
    const auto graph = builder.build();
    CHECK(Ideals(graph, 60'000).complete() == (leaves == 0));
    CHECK(Ideals(graph, 60'000, leader).size() == 7);
    auto cluster = test::simple_cluster({.devices = 3, .latency_ps = 0, .bytes_per_s = 50e9});
    cluster.simulation.blocking_transfers = cluster::Blocking::both;
    cluster.simulation.contention = cluster::Contention::free;
    cluster.simulation.send = cluster::Send::once;
    return Problem(graph, cluster, test::uniform_costs(graph, 3, op_ps), {}, Objective::throughput);
  };
  const Problem chain = problem(0), with_leaves = problem(4);
  const int64_t best = least_interval_ps(chain);
  CHECK(interval_ps(chain, place_pipeline(chain, {})) == best);
  CHECK(interval_ps(with_leaves, place_pipeline(with_leaves, {})) == best);
}

TEST_CASE("a stage holds no more than its device's memory") {
  for (uint64_t seed = 0; seed < 20; ++seed) {
    const Problem problem = blocking({.ops = 30, .devices = 4, .seed = seed, .memory_bytes = 24 << 20, .forbidden = 0});
    const auto placement = place_pipeline(problem, {});
    const auto outcome = Evaluator(problem).outcome(placement);
    for (const int64_t bytes : outcome.param_bytes) CHECK(bytes <= (24 << 20));
  }
}

TEST_CASE("a gradient follows the layer it belongs to, and binds no order") {
  // f0 -> f1 -> f2 -> b2 -> b1 -> b0, with saved activations f_i -> b_i; units {f_i, b_i}.
  test::OpGraphBuilder builder;
  std::vector<graph::TensorId> forward = {builder.op({})};
  for (int i = 1; i < 3; ++i) forward.push_back(builder.op({forward.back()}));
  graph::TensorId gradient = forward.back();
  for (int i = 2; i >= 0; --i) gradient = builder.op({gradient, forward[static_cast<size_t>(i)]});
  builder.output(gradient);
  const auto graph = builder.build({0, 1, 2, 2, 1, 0});
  const Ideals all(graph, 100);
  CHECK(all.complete());
  CHECK(all.size() == 4);
}

TEST_CASE("a hundred thousand ops are cut along one order") {
  const Problem problem =
      test::random_problem({.ops = 100'000, .width = 16, .devices = 8, .unequal = 0, .forbidden = 0});
  const auto placement = place_pipeline(problem, {});
  CHECK(std::is_sorted(placement.begin(), placement.end()));
  const int64_t interval = interval_ps(problem, placement);
  CHECK(interval >= problem.bounds().work_ps);
  CHECK(interval <= problem.bounds().work_ps + problem.bounds().work_ps / 20);
}
