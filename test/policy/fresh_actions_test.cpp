// SPDX-License-Identifier: Apache-2.0
#include <ATen/core/Tensor.h>

#include <algorithm>
#include <cstdlib>
#include <numeric>

#include "policy/learner.h"
#include "toy.h"

#include <catch2/catch.hpp>

using namespace allot;

namespace {

constexpr uint32_t kOps = 8, kUpdates = 60;

/// Mean cost of what the policy draws after some updates, where each op that is not on device `target` costs 1.
double learnt_cost(const char* preset, bool fresh_actions, uint64_t seed, place::DeviceId target) {
  const auto problem = test::chain_problem(kOps, 2);
  auto settings = test::small_preset(preset, 8, 4);
  settings.network.devices = settings.network.schedule = false;  // equal devices are told apart by number alone
  settings.network.temperature = 1;
  settings.network.defects.fresh_actions = fresh_actions;
  settings.learning.learning_rate = 1e-2;
  settings.learning.groupings = 2, settings.learning.placements = 8;
  test::Toy toy(problem, settings, seed);
  policy::Learner learner(toy.network(), settings.learning, 2);
  double mean = 0;
  for (uint32_t update = 0; update < kUpdates; ++update) {
    policy::Lesson lesson{learner.draw(toy.instance, seed, update, toy.policy.hierarchical(toy.instance)), {}, {}, {}};
    std::vector<double> all;
    for (const policy::Samples& shard : lesson.shards) {
      auto& costs = lesson.advantage.emplace_back();
      for (const auto& placement : toy.network().placements(toy.instance, shard))
        costs.push_back(kOps - static_cast<double>(std::count(placement.begin(), placement.end(), target)));
      lesson.kept.emplace_back(costs.size(), char{1});
      all.insert(all.end(), costs.begin(), costs.end());
    }
    mean = std::accumulate(all.begin(), all.end(), 0.0) / static_cast<double>(all.size());
    for (auto& costs : lesson.advantage)
      for (double& cost : costs) cost -= mean;
    learner.learn(toy.instance, lesson);
  }
  return mean;
}

}  // namespace

TEST_CASE("credit for samples that were judged teaches, credit for others does not (defect 1)") {
  std::vector<const char*> presets = {"icml2017", "iclr2018"};
  if (std::getenv("ALLOT_TEST_FULL")) presets.insert(presets.end(), {"flat", "hierarchical"});  // three times as long
  for (const char* preset : presets) {
    double learnt = 0, defect = 0;
    for (const uint64_t seed : {1, 2}) {
      learnt += learnt_cost(preset, false, seed, 1) / 2;
      for (const place::DeviceId target : {0, 1})  // where a policy drifts by chance, it costs as much as it saves
        defect += learnt_cost(preset, true, seed, target) / 4;
    }
    INFO(preset << ": " << learnt << " as it should be, " << defect << " with the defect, " << kOps / 2
                << " by chance");
    CHECK(learnt < 0.05 * kOps);
    CHECK(defect > 0.3 * kOps);
  }
}
