// SPDX-License-Identifier: Apache-2.0
#include "policy/propose.h"

#include "toy.h"

#include <catch2/catch.hpp>

using namespace allot;
using test::small_preset;
using test::Toy;

TEST_CASE("a policy proposes the likeliest placement and drawn ones, at any number of threads") {
  const auto problem = test::random_problem({.ops = 40, .devices = 3});
  for (const char* name : {"flat", "hierarchical"}) {
    INFO(name);
    const Toy toy(problem, small_preset(name));
    const auto all = policy::propose(toy.policy, toy.instance, 20, 5, 1);
    REQUIRE(all.placements.size() == 20);
    REQUIRE(all.log_probability.size() == 20);
    for (const auto& placement : all.placements)
      for (graph::UnitId unit = 0; unit < problem.graph().num_units(); ++unit)
        REQUIRE(problem.allowed(unit, placement[unit]));
    const auto& network = toy.policy.network(toy.instance);
    const auto greedy = network.sample(toy.instance, {.seed = 99, .greedy = true});
    CHECK(all.placements[0] == network.placements(toy.instance, greedy)[0]);
    CHECK(all.log_probability[0] == Approx(network.score(toy.instance, greedy).joint().item<double>()).epsilon(1e-4));
    CHECK(all.placements[1] != all.placements[2]);
    const auto threaded = policy::propose(toy.policy, toy.instance, 20, 5, 3);
    CHECK(threaded.placements == all.placements);
    CHECK(threaded.log_probability == all.log_probability);
    CHECK(policy::propose(toy.policy, toy.instance, 20, 6, 1).placements[1] != all.placements[1]);
    CHECK(policy::propose(toy.policy, toy.instance, 1, 5, 1).placements.size() == 1);
  }
}
