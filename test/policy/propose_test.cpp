// SPDX-License-Identifier: Apache-2.0
#include "policy/propose.h"

#include "toy.h"

#include <map>
#include <set>

#include <catch2/catch.hpp>

using namespace allot;
using test::small_preset;
using test::Toy;

namespace {

/// Whether units of one group are on one device, wherever they may be there.
bool decided_by_groups(const place::Problem& problem, const place::UnitPlacement& placement,
                       const place::GroupOfUnit& groups) {
  std::map<int32_t, std::set<place::DeviceId>> devices;
  for (graph::UnitId unit = 0; unit < groups.size(); ++unit)
    if (groups[unit] != place::kNoGroup && problem.choices(unit).size() == problem.devices())
      devices[groups[unit]].insert(placement[unit]);
  return std::all_of(devices.begin(), devices.end(), [](const auto& group) { return group.second.size() == 1; });
}

}  // namespace

TEST_CASE("a hierarchical policy tells the groups of what it proposes, those of a draw alike, a flat one none") {
  const auto problem = test::random_problem({.ops = 40, .devices = 3});
  const Toy toy(problem, small_preset("hierarchical"));
  const auto all = policy::propose(toy.policy, toy.instance, 20, 5, 1);
  REQUIRE(all.grouping.size() == 20);
  REQUIRE(all.groupings.size() == 4);  // the likeliest, and of 19 others up to 8 together
  CHECK(std::vector(all.grouping.begin(), all.grouping.begin() + 10) ==
        std::vector<uint32_t>{0, 1, 1, 1, 1, 1, 1, 1, 1, 2});
  for (size_t i = 0; i < 20; ++i) CHECK(decided_by_groups(problem, all.placements[i], all.groupings[all.grouping[i]]));
  CHECK(all.groupings[0] != all.groupings[1]);
  for (graph::UnitId unit = 0; unit < problem.graph().num_units(); ++unit)
    CHECK((all.groupings[0][unit] == place::kNoGroup) == (problem.choices(unit).size() < 2));
  const Toy flat(problem, small_preset("flat"));
  CHECK(policy::propose(flat.policy, flat.instance, 20, 5, 1).groupings.empty());
}

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
    CHECK(threaded.groupings == all.groupings);
    CHECK(threaded.grouping == all.grouping);
  }
}
