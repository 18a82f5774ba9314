// SPDX-License-Identifier: Apache-2.0
// What all completions of a partial placement have in common.
#pragma once

#include <span>
#include <vector>

#include "place/evaluator.h"
#include "place/problem.h"

namespace allot::place {

class CompletionBound {
 public:
  explicit CompletionBound(const Problem& problem);

  /// Whether the score is the makespan of one run and the past of a run depends on past decisions alone.
  bool knows_score() const { return knows_score_; }

  struct Result {
    UnitId unit = graph::kNone;  // the undecided one whose device a run needs to know first; kNone: all are decided
    int64_t lower_ps = 0;        // no completion ends earlier; 0 unless knows_score()
  };
  /// `open` [num_units]: the devices left to each unit, one for a decided one. `outcome`, with its timeline: of
  /// `trial`, any completion.
  Result operator()(std::span<const uint64_t> open, const UnitPlacement& trial, const sim::Outcome& outcome);

  /// Whether the parameters and resident bytes of the decided units alone exceed some memory.
  bool overflows(std::span<const uint64_t> open) const;

 private:
  int64_t needed_ps(OpId op, const sim::Outcome& outcome) const;
  Result first_needed(std::span<const uint64_t> open, const sim::Outcome& outcome) const;
  void release(std::span<const uint64_t> open, const UnitPlacement& trial, const sim::Outcome& outcome, int64_t now_ps);
  int64_t loads(std::span<const uint64_t> open, const std::vector<int64_t>& head_ps,
                const std::vector<int64_t>& tail_ps, int64_t now_ps) const;

  const Problem& problem_;
  bool knows_score_, exact_arrivals_;
  std::vector<int64_t> released_ps_;  // by op
  std::vector<char> started_;         // by op: certain already
};

}  // namespace allot::place
