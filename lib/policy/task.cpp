// SPDX-License-Identifier: Apache-2.0
#include "policy/task.h"

#include <algorithm>
#include <cmath>

namespace allot::policy {
namespace {

double transformed(double time, const std::string& how) {
  if (how == "sqrt") return std::sqrt(time);
  return how == "log1p" ? std::log1p(time) : time;
}

}  // namespace

Task::Task(std::string its_name, const place::Problem& of, const std::vector<std::vector<int64_t>>& tensor_dims,
           const NetworkSettings& settings, const Vocabulary& vocabulary, std::unique_ptr<Reward> its_reward)
    : name(std::move(its_name)),
      problem(of),
      instance(of, settings, vocabulary, tensor_dims),
      reward(std::move(its_reward)),
      elites(of) {}

double reference_value(const Task& task) {
  const int64_t bound = task.problem.plain_latency() ? task.problem.bounds().best() : 0;
  const int64_t best = task.elites.empty() ? 1 : task.elites.best().score.value;
  return static_cast<double>(std::max<int64_t>(1, bound > 0 ? bound : best));
}

double cost_of(const Judgement& judgement, const Task& task, const LearningSettings& settings) {
  constexpr double kSecond = 1e12;
  if (!settings.relative)
    return transformed(judgement.executed ? static_cast<double>(judgement.score.value) / kSecond : settings.failing,
                       settings.cost);
  const double reference = reference_value(task);
  if (judgement.executed) return transformed(static_cast<double>(judgement.score.value) / reference, settings.cost);
  double worst = reference, usable = 1;
  for (const auto& seed : task.seeds)
    if (seed.score.overflow_bytes == 0) worst = std::max(worst, static_cast<double>(seed.score.value));
  for (const auto& device : task.problem.cluster().devices) usable += static_cast<double>(device.usable_bytes());
  return 2 * transformed(worst / reference, settings.cost) +
         static_cast<double>(judgement.score.overflow_bytes) / usable;
}

}  // namespace allot::policy
