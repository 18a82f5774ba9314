// SPDX-License-Identifier: Apache-2.0
#include "sim/batch.h"

#include <catch2/catch.hpp>

#include "base/error.h"
#include "sim/random_case.h"

using namespace allot;
using sim::Batch;

namespace {

std::vector<std::vector<uint32_t>> random_placements(base::Rng& rng, const cost::CostTable& costs, uint32_t ops,
                                                     size_t count) {
  std::vector<std::vector<uint32_t>> result(count);
  for (auto& placement : result)
    for (uint32_t op = 0; op < ops; ++op) placement.push_back(test::random_device(rng, costs, op));
  return result;
}

}  // namespace

TEST_CASE("batches give what single runs give, at 1, 2, 3 and 8 threads, call after call") {
  for (uint64_t seed = 0; seed < 30; ++seed) {
    base::Rng rng(seed, 40);
    const uint32_t ops = 1 + rng.below(100);
    const auto c = seed % 2 ? test::random_case(rng, ops) : test::layered_case(rng, ops);
    const auto placements = random_placements(rng, c.costs, ops, rng.below(40));
    std::vector<Batch::Score> expected;
    std::vector<int64_t> expected_in_order;
    sim::Simulator simulator(c.graph, c.costs, c.cluster);
    sim::OrderEvaluator evaluator(c.graph, c.costs, c.cluster);
    for (const auto& placement : placements) {
      const auto& outcome = simulator.run(placement);
      expected.push_back({outcome.makespan_ps, outcome.overflow_bytes});
      expected_in_order.push_back(evaluator.run(placement));
    }
    for (const unsigned threads : {1u, 2u, 3u, 8u}) {
      Batch batch(c.graph, c.costs, c.cluster, threads);
      for (int again = 0; again < 2; ++again) {
        std::vector<Batch::Score> scores(placements.size());
        std::vector<int64_t> makespans(placements.size());
        batch.exact(placements, true, scores);
        batch.in_order(placements, makespans);
        INFO("seed " << seed << " threads " << threads);
        REQUIRE(scores == expected);
        REQUIRE(makespans == expected_in_order);
      }
    }
  }
}

TEST_CASE("a placement that cannot be run fails its batch, but not the next one") {
  base::Rng rng(1, 41);
  const auto c = test::layered_case(rng, 20);
  auto placements = random_placements(rng, c.costs, 20, 8);
  placements[5][3] = c.cluster.size();
  Batch batch(c.graph, c.costs, c.cluster, 2);
  std::vector<Batch::Score> scores(8);
  std::vector<int64_t> makespans(8);
  CHECK_THROWS_AS(batch.exact(placements, true, scores), base::Error);
  CHECK_THROWS_AS(batch.in_order(placements, makespans), base::Error);
  placements[5][3] = 0;
  batch.exact(placements, true, scores);
  sim::Simulator simulator(c.graph, c.costs, c.cluster);
  CHECK(scores[5].makespan_ps == simulator.run(placements[5]).makespan_ps);
}
