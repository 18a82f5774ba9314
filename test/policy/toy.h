// SPDX-License-Identifier: Apache-2.0
// Small problems, rewards that are known functions, and small networks for tests of learning.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "policy/policy.h"
#include "policy/simulated_reward.h"
#include "policy/trainer.h"
#include "support/op_graph_builder.h"
#include "support/random_problem.h"

namespace allot::test {

/// A chain of equal ops on equal devices.
inline place::Problem chain_problem(uint32_t ops, uint32_t devices) {
  OpGraphBuilder builder;
  graph::TensorId last = builder.input(8);
  for (uint32_t op = 0; op < ops; ++op) last = builder.op({last}, {8});
  builder.output(last);
  auto graph = builder.build();
  auto costs = uniform_costs(graph, devices, std::vector<int64_t>(ops, 1'000'000));
  return place::Problem(std::move(graph), simple_cluster({.devices = devices}), std::move(costs));
}

/// Judges by a function of the placement: its cost, negative for what cannot be executed.
class KnownReward : public policy::Reward {
 public:
  using Cost = std::function<double(const place::UnitPlacement&)>;
  explicit KnownReward(Cost cost) : cost_(std::move(cost)) {}

  std::vector<policy::Judgement> judge(std::span<const place::UnitPlacement> placements) override {
    std::vector<policy::Judgement> judgements;
    for (const auto& placement : placements) {
      const double cost = cost_(placement);
      auto& judgement = judgements.emplace_back();
      judgement.executed = cost >= 0;
      judgement.score.value = judgement.score.makespan_ps = static_cast<int64_t>(std::abs(cost) * 1e12);
      judgement.score.overflow_bytes = cost < 0;
    }
    evaluations_ += placements.size();
    return judgements;
  }
  uint64_t evaluations() const override { return evaluations_; }

 private:
  Cost cost_;
  uint64_t evaluations_ = 0;
};

/// A preset with a network small enough for tests.
inline policy::Settings small_preset(const std::string& name, int64_t hidden = 16, int64_t groups = 8) {
  policy::Settings settings = policy::preset(name);
  settings.network.hidden = hidden;
  settings.network.groups = groups;
  settings.network.grouper_hidden = hidden;
  settings.network.rounds = 2;
  return settings;
}

/// All parameters, to be compared.
inline std::string bits(const policy::Policy& policy) {
  std::string all;
  for (const auto& [name, tensor] : policy.checkpoint().tensors) {
    const auto flat = tensor.detach().contiguous();
    all += name + std::string(static_cast<const char*>(flat.const_data_ptr()), flat.nbytes());
  }
  return all;
}

/// A policy for one problem, and the problem as it reads it.
struct Toy {
  Toy(const place::Problem& of, const policy::Settings& with, uint64_t seed = 1)
      : problem(of),
        settings(with),
        policy(with.network, policy::Vocabulary::of({&of.graph()}),
               {0, of.devices(), static_cast<int64_t>(of.graph().num_units())}, seed),
        instance(of, with.network, policy.vocabulary()) {}

  policy::Network& network() { return policy.network(instance); }
  std::unique_ptr<policy::Task> task(std::unique_ptr<policy::Reward> reward) const {
    return std::make_unique<policy::Task>("toy", problem, std::vector<std::vector<int64_t>>{}, settings.network,
                                          policy.vocabulary(), std::move(reward));
  }
  /// With a simulated reward unless one is given.
  policy::Trainer trainer(std::unique_ptr<policy::Reward> reward = nullptr, unsigned threads = 1,
                          dist::Team* team = nullptr, bool in_step = true) {
    if (!reward)
      reward = std::make_unique<policy::SimulatedReward>(
          problem, policy::SimulatedRewardOptions{.threads = threads, .team = team});
    std::vector<std::unique_ptr<policy::Task>> tasks;
    tasks.push_back(task(std::move(reward)));
    return policy::Trainer(policy, settings.learning, std::move(tasks),
                           {.seed = 3, .threads = threads, .team = team, .in_step = in_step});
  }

  const place::Problem& problem;
  policy::Settings settings;
  policy::Policy policy;
  policy::Instance instance;
};

}  // namespace allot::test
