// SPDX-License-Identifier: Apache-2.0
// What placements are worth: the one interface behind which simulated and measured times are.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "place/problem.h"

namespace allot::policy {

/// Of one placement.
struct Judgement {
  place::Score score;    // by simulation; of a measured placement, value and makespan_ps are what was measured
  bool executed = true;  // false: it does not fit into memory, crashed, or took too long; `score` then says how bad
  std::string why = {};  // of a measured failure
};

class Reward {
 public:
  virtual ~Reward() = default;
  /// One each, in order. Deterministic at any number of threads where it simulates.
  /// Errors: what no placement would change, e.g. a program that is missing; base::Stopped when asked to stop.
  virtual std::vector<Judgement> judge(std::span<const place::UnitPlacement> placements) = 0;
  /// Simulations or measurements so far; what was known already is free.
  virtual uint64_t evaluations() const = 0;
  /// Scores are those of place::Evaluator, so that searches on simulated times need not be judged again.
  virtual bool simulates() const { return false; }

  /// What is known already, for checkpoints: with it a run that is resumed evaluates no more than one that never ended.
  virtual std::vector<int64_t> state() const { return {}; }
  /// Of a reward for the same problem. `where` names the file in errors. Errors: malformed; the state is undefined
  /// then.
  virtual void restore(std::span<const int64_t> /*state*/, const std::string& /*where*/) {}
};

}  // namespace allot::policy
