// SPDX-License-Identifier: Apache-2.0
// One graph on one cluster that a policy learns to place, and what is known of it so far.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "place/move_policy.h"
#include "place/placer.h"
#include "policy/elites.h"
#include "policy/instance.h"
#include "policy/reward.h"

namespace allot::policy {

struct Task {
  /// The problem must outlive it.
  Task(std::string name, const place::Problem& problem, const std::vector<std::vector<int64_t>>& tensor_dims,
       const NetworkSettings& settings, const Vocabulary& vocabulary, std::unique_ptr<Reward> reward);

  std::string name;
  const place::Problem& problem;
  Instance instance;
  std::unique_ptr<Reward> reward;
  Elites elites;                           // of all that was ever judged
  std::vector<place::MethodResult> seeds;  // what the constructive methods gave, best first
  double baseline = 0;                     // moving average of costs
  bool has_baseline = false;
  uint64_t evaluations = 0;  // of everything spent on it, rewards included
  place::MoveWeights moves;  // what annealing begins with, and then what it learned
};

/// What a judgement costs, which is what learning descends: a function of the time (LearningSettings::cost). In
/// seconds, and settings.failing where it could not be executed (placement 1.5); or relative to the lower bound, where
/// what was not executed costs twice the worst seed and what memory it lacks as a share of all there is, so that there
/// is a slope to descend.
double cost_of(const Judgement& judgement, const Task& task, const LearningSettings& settings);

/// The lower bound of the objective if one is known, else the best value so far; at least 1.
double reference_value(const Task& task);

}  // namespace allot::policy
