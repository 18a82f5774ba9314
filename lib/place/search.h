// SPDX-License-Identifier: Apache-2.0
// What every search does: score candidates, keep the best, stay within the budget.
#pragma once

#include <chrono>
#include <cstdint>

#include "place/placer.h"

namespace allot::place {

class Search {
 public:
  Search(const Problem& problem, const Budget& budget);

  /// Scores a placement and keeps it if it is the best so far.
  Score score(const UnitPlacement& placement);

  /// The budget is spent, or the search was asked to stop.
  bool over() const;
  /// Part of the budget that is spent, in [0, 1].
  double spent() const;

  const Score& best_score() const { return best_score_; }
  const UnitPlacement& best() const { return best_; }
  /// Reports a last time and gives the best away; at least one placement was scored, or there is nothing to place.
  UnitPlacement finish();

 private:
  double elapsed_s() const { return std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count(); }
  void report();

  const Budget* budget_;
  uint64_t most_evaluations_;
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
  double reported_s_ = 0;
  Evaluator evaluator_;
  UnitPlacement best_;
  Score best_score_;
};

}  // namespace allot::place
