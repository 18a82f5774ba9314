// SPDX-License-Identifier: Apache-2.0
// Scores placements of one problem.
#pragma once

#include <cstdint>
#include <vector>

#include "place/problem.h"
#include "sim/simulator.h"

namespace allot::place {

/// Scores placements by exact simulation, of every scenario, and counts them.
class Evaluator {
 public:
  /// The problem must outlive it.
  explicit Evaluator(const Problem& problem);

  Score score(const UnitPlacement& placement);
  /// A run of the problem's own input shape.
  sim::Outcome outcome(const UnitPlacement& placement, bool timeline = false);
  /// The same of what a file makes of it (Problem::as_written).
  Score score_as_written(const UnitPlacement& placement);
  sim::Outcome outcome_as_written(const UnitPlacement& placement);
  /// The critical chain of such a run.
  std::vector<sim::CriticalStep> critical(const UnitPlacement& placement);
  /// A placement could exceed some device's memory, in the problem's own input shape.
  bool memory_matters() const { return runs_.front().memory; }
  /// Placements scored or run.
  uint64_t evaluations() const { return evaluations_; }

 private:
  struct Run {
    const Problem* problem;
    double share;  // of all weights
    sim::Simulator simulator;
    SteadyInterval interval;
    bool memory;  // to be simulated: a placement could exceed some device's memory, or memory is the objective
  };
  void add(const Problem& problem, double share);
  int64_t objective_value(Run& run, const sim::Outcome& outcome);
  void expand(const UnitPlacement& placement);
  Score score_ops();

  const Problem* problem_;
  std::vector<Run> runs_;      // the problem itself, then the other scenarios
  Problem::Scorer scorer_;     // used instead, if there is one
  std::vector<DeviceId> ops_;  // the placement at hand
  uint64_t evaluations_ = 0;
};

}  // namespace allot::place
