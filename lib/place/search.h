// SPDX-License-Identifier: Apache-2.0
// What every search does: score candidates, keep the best, stay within the budget.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "place/placer.h"
#include "place/walker.h"
#include "sim/incremental.h"

namespace allot::place {

class Search {
 public:
  /// The arguments must outlive it.
  Search(const Problem& problem, const Budget& budget);

  /// Scores a placement and keeps it if it is the best so far.
  Score score(const UnitPlacement& placement);

  /// The same for a walk from neighbour to neighbour, which can be quicker than scoring each anew: the base, then what
  /// moves make of it, and accept() when what was tried last shall be the base.
  Score start(const UnitPlacement& base);
  /// `moved`: the base after `moves`. Nothing if its makespan is certainly more than `cutoff_ps`.
  std::optional<Score> try_moves(std::span<const UnitMove> moves, const UnitPlacement& moved, int64_t cutoff_ps);
  void accept();

  /// Units of the ops on the critical chain of a run of `placement`, each once. Counts as an evaluation.
  std::vector<UnitId> critical_units(const UnitPlacement& placement);

  /// Counts a candidate whose score was known: a small part of an evaluation, so that no search goes on for ever among
  /// placements that it knows.
  void skip() { spend(kSkipped); }
  /// Counts work that is worth so many evaluations of the whole graph.
  void spend(double evaluations) { spent_evaluations_ += evaluations; }

  /// The budget is spent, the best meets a lower bound, or the search was asked to stop.
  bool over() const;
  /// Part of the budget that is spent, in [0, 1].
  double spent() const;
  uint64_t evaluations() const { return evaluations_; }
  uint64_t most_evaluations() const { return most_evaluations_; }

  const Score& best_score() const { return best_score_; }
  const UnitPlacement& best() const { return best_; }
  /// Reports a last time and gives the best away; at least one placement was scored, or there is nothing to place.
  UnitPlacement finish();

 private:
  static constexpr double kSkipped = 1.0 / 200;  // of an evaluation

  double elapsed_s() const { return std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count(); }
  double counted() const;
  void note(const UnitPlacement& placement, const Score& score);
  void report();

  const Problem* problem_;
  const Budget* budget_;
  uint64_t most_evaluations_;
  int64_t target_;  // no score can have a smaller value
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
  double reported_s_ = 0;
  Evaluator evaluator_;
  std::unique_ptr<sim::Incremental> incremental_;  // where it says what the evaluator would; made when asked for
  std::vector<sim::Move> moves_;
  uint64_t evaluations_ = 0;
  double spent_evaluations_ = 0;  // beside them
  UnitPlacement best_;
  Score best_score_;
};

}  // namespace allot::place
