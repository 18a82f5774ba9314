// SPDX-License-Identifier: Apache-2.0
// What one update of a policy came to.
#pragma once

#include <cstdint>

#include "place/objective.h"
#include "policy/learner.h"

namespace allot::policy {

/// One update of one task.
struct UpdateReport {
  size_t task = 0;
  uint32_t update = 0;       // number of it in the whole run, from 0
  bool imitation = false;    // it imitated the best so far; nothing was sampled
  uint64_t evaluations = 0;  // of the task so far
  int64_t samples = 0, executed = 0;
  double mean_cost = 0, best_cost = 0;  // of what was executed in this update; 0 if nothing was
  double baseline = 0;
  bool improved = false;  // the task has a new best
  place::Score best;      // of the task so far
  LearningReport learning;
  uint32_t rank = 0;     // that computed it; ranks in step count as the first
  double staleness = 0;  // steps that others took between parameters and gradient, in the mean
};

}  // namespace allot::policy
