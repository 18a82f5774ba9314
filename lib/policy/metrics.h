// SPDX-License-Identifier: Apache-2.0
// The lines of a training run's metrics.jsonl.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "place/objective.h"

namespace allot::policy {

/// What one step of the run did to one task, and where the task stands after it.
struct Metric {
  std::string phase;  // "seeds", "imitation", "policy", "search"; or "validation", of a model that is not trained on
  std::string model;
  uint32_t update = 0;                    // of the run, from 0
  uint64_t evaluations = 0;               // of the task so far
  double model_seconds = 0, seconds = 0;  // spent on the task so far; on all
  place::Score best;                      // of the task so far
  // -- of updates
  int64_t samples = 0, executed = 0;
  double mean_cost = 0, best_cost = 0;  // of what was executed
  double entropy = 0;                   // mean over decisions, natural units
  double gradient_norm = 0, learning_rate = 0;
  uint32_t rank = 0;     // that computed it, where ranks are not in step
  double staleness = 0;  // and by how many steps the parameters had changed meanwhile, in the mean
  double of_quick = 0;  // validation: `best` is what the policy finds likeliest, as a multiple of the best quick method
};

/// One line without its end.
std::string to_json(const Metric& metric);
/// Errors: malformed naming file and key; input_missing.
std::vector<Metric> read_metrics(const std::string& path);

}  // namespace allot::policy
