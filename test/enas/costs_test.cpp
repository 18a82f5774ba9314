// SPDX-License-Identifier: Apache-2.0
#include <cmath>

#include <algorithm>

#include <ATen/core/Tensor.h>

#include "base/error.h"
#include "base/rng.h"
#include "enas/costs.h"
#include "enas/score_table.h"
#include "enas/validate.h"
#include "spaces.h"

#include <catch2/catch.hpp>

using namespace allot;

TEST_CASE("rewards are what is computed by hand") {
  enas::RewardOptions options;
  options.cost = "macs";
  options.target = 100;
  const auto reward = [&](const char* combine, double quality, double cost) {
    options.combine = combine;
    return enas::reward_of(quality, cost, options);
  };
  CHECK(reward("mnas-soft", 0.8, 100) == Approx(0.8));
  CHECK(reward("mnas-soft", 0.8, 200) == Approx(0.8 * std::pow(2, -0.07)));
  CHECK(reward("mnas-soft", 0.8, 50) == Approx(0.8 * std::pow(0.5, -0.07)));
  CHECK(reward("mnas-hard", 0.8, 50) == Approx(0.8));
  CHECK(reward("mnas-hard", 0.8, 200) == Approx(0.4));
  CHECK(reward("abs", 0.8, 200) == Approx(0.73));
  CHECK(reward("abs", 0.8, 50) == Approx(0.765));
  CHECK(reward("hinge", 0.8, 50) == Approx(0.8));
  CHECK(reward("hinge", 0.8, 300) == Approx(0.66));
  CHECK(reward("filter", 0.8, 100) == Approx(0.8));
  CHECK(reward("filter", 0.8, 101) == 0);
  options.cost = "none";
  CHECK(reward("hinge", 0.8, 300) == Approx(0.8));
}

TEST_CASE("costs are those of the child that is left") {
  enas::GenerateOptions options = test::small("dag");
  options.channels = 5;
  const enas::Supergraph supergraph = test::supergraph_of(options);
  const auto costs = [&](const char* arch) {
    return enas::costs_of(supergraph, supergraph.child(enas::parse_assignment(supergraph.space(), arch)), nullptr);
  };
  // 6 -> 5, three matrices of 5, 5 -> 3; all of them whatever is chosen.
  CHECK(costs("prev2=n1 prev3=n1 prev4=n1").at("macs") == 6 * 5 + 3 * 25 + 5 * 3);
  CHECK(costs("prev2=n1 prev3=n2 prev4=n3").at("params") == 6 * 5 + 5 + 3 * 25 + 5 * 3 + 3);
  const enas::Supergraph blocks = test::supergraph_of(test::small("blocks"));
  const auto of = [&](const char* arch) {
    return enas::costs_of(blocks, blocks.child(enas::parse_assignment(blocks.space(), arch)), nullptr);
  };
  const auto small = of("blocks1=conv1.0 blocks2=conv1.0 skip2="),
             large = of("blocks1=conv1.0+conv7.0 blocks2=conv1.0 skip2=");
  // A 7x7 convolution of 4 channels to 2 over 72 pixels, and what mixes its channels.
  CHECK(large.at("macs") - small.at("macs") == 72 * (49 * 4 * 2 + 2 * 4));
  CHECK(large.at("peak-memory") > 0);
}

TEST_CASE("the Pareto set is that of brute force") {
  base::Rng rng(4);
  std::vector<double> quality, cost;
  for (int i = 0; i < 300; ++i) quality.push_back(rng.below(40) / 40.0), cost.push_back(rng.below(40));
  const auto set = enas::pareto_set(quality, cost);
  for (size_t i = 0; i < quality.size(); ++i) {
    bool beaten = false;
    for (size_t k = 0; k < quality.size(); ++k)
      beaten |= quality[k] >= quality[i] && cost[k] <= cost[i] && (quality[k] > quality[i] || cost[k] < cost[i]);
    const bool equal_there =
        std::any_of(set.begin(), set.end(), [&](size_t s) { return quality[s] == quality[i] && cost[s] == cost[i]; });
    CHECK(equal_there == !beaten);
  }
}

TEST_CASE("correlations of ranks are those of the textbooks") {
  CHECK(enas::kendall_tau({1, 2, 3, 4}, {1, 2, 4, 3}) == Approx(4.0 / 6));
  CHECK(enas::kendall_tau({1, 2, 2, 3}, {1, 2, 3, 4}) == Approx(5 / std::sqrt(5.0 * 6)));
  CHECK(enas::spearman({1, 2, 3, 4, 5}, {2, 1, 4, 3, 5}) == Approx(0.8));
  enas::ScoreTable table;
  table.seeds = 1;
  for (int i = 0; i < 10; ++i) table.rows.push_back({"", {i / 10.0}, {}});
  CHECK(table.rank(0.75) == Approx(0.2));
  CHECK(table.best() == Approx(0.9));
  const enas::TableVerdict verdict = enas::judge_by(table, {0, 1, 2, 3, 4, 5, 6, 7, 9, 8}, 0.8);
  CHECK(verdict.rank == Approx(0.1));
  CHECK(verdict.regret == Approx(0.1));
  CHECK(verdict.tau == Approx(43.0 / 45));
  CHECK(verdict.tau_of_best == Approx(-1));
}

TEST_CASE("a latency that nobody measured is the mean of its operator's") {
  enas::LatencyTable table;
  table.add("Conv a", 10);
  table.add("Conv b", 20);
  table.add("ConvTranspose a", 99);
  CHECK(table.time("Conv a", "n") == 10);
  CHECK(table.time("Conv c", "n") == 15);
  CHECK_THROWS_WITH(table.time("Relu a", "n"), Catch::Contains("node 'n'"));
}
