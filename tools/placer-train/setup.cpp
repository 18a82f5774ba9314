// SPDX-License-Identifier: Apache-2.0
#include "setup.h"

#include <filesystem>

#include "base/error.h"
#include "policy/simulated_reward.h"

namespace allot {

std::vector<plan::NamedInput> load_models(const std::vector<std::string>& paths, const plan::InputOptions& options,
                                          const std::vector<std::string>& clusters) {
  auto models = plan::load_all(paths, options);
  for (const std::string& cluster : clusters) {
    plan::InputOptions there = options;
    there.cluster = cluster;
    const std::string name = std::filesystem::path(cluster).stem().string();
    for (auto& model : plan::load_all(paths, there))
      models.push_back({fmt::format("{}@{}", model.name, name), std::move(model.input)});
  }
  return models;
}

policy::Policy make_policy(const std::string& from, const policy::NetworkSettings& settings,
                           const std::vector<plan::NamedInput>& models, uint64_t seed) {
  if (!from.empty()) return policy::read_policy(from);
  std::vector<const graph::OpGraph*> graphs;
  for (const plan::NamedInput& model : models) graphs.push_back(&model.input->graph());
  auto vocabulary = policy::Vocabulary::of(graphs);
  const policy::Instance first(*models[0].input->problem, settings, vocabulary);
  return {settings, std::move(vocabulary), {0, first.devices(), first.elements()}, seed};
}

std::vector<std::unique_ptr<policy::Task>> make_tasks(const std::vector<plan::NamedInput>& models,
                                                      const policy::Policy& policy, const Judging& judging) {
  std::vector<std::unique_ptr<policy::Task>> tasks;
  for (const auto& [name, input] : models) {
    const auto& problem = *input->problem;
    std::unique_ptr<policy::Reward> reward;
    if (judging.measuring)
      reward = std::make_unique<policy::MeasuredReward>(problem, judging.measuring->execution(tasks.size()),
                                                        policy::MeasuredRewardOptions{.stop = judging.stop});
    else
      reward = std::make_unique<policy::SimulatedReward>(
          problem,
          policy::SimulatedRewardOptions{.threads = judging.threads, .team = judging.team, .stop = judging.stop});
    tasks.push_back(std::make_unique<policy::Task>(name, problem, plan::tensor_dims(*input), policy.settings(),
                                                   policy.vocabulary(), std::move(reward)));
  }
  return tasks;
}

std::vector<std::string> fingerprints(const std::vector<plan::NamedInput>& models) {
  std::vector<std::string> prints;
  for (const auto& [name, input] : models)
    prints.push_back(name + input->graph_hash + input->costs_hash + input->cluster_hash);
  return prints;
}

}  // namespace allot
