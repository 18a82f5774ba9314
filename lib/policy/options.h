// SPDX-License-Identifier: Apache-2.0
// The options of training a policy.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "config/binder.h"
#include "policy/settings.h"
#include "policy/training_run.h"

namespace allot::policy {

struct TrainOptions {
  std::string policy = "boost";
  Settings settings;  // those of `policy`, as changed by other options
  int64_t evaluations = 0, updates = 0, validate_every = 20;
  double seconds = -1;
  std::string reward = "simulated", finals = "none", compare = "auto", ranks = "sync";
  double save_every_s = 60;

  void bind(config::Binder& binder);
  bool measures() const { return reward != "simulated"; }
  /// Call after options were read: what searches in simulation is off where rewards are measured.
  void resolve();
  /// Those that `compare` asks for, as BaselineOptions::searches has them.
  std::vector<std::string> searches() const;
  /// Where none was given, place::default_evaluations of the largest task, or 200 measurements.
  RunBudget budget(const std::vector<std::unique_ptr<Task>>& tasks) const;
};

}  // namespace allot::policy
