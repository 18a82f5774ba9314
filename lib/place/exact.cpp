// SPDX-License-Identifier: Apache-2.0
#include "place/exact.h"

#include <algorithm>
#include <bit>
#include <chrono>
#include <limits>

#include "place/completion_bound.h"
#include "place/interchangeable.h"
#include "place/methods.h"

namespace allot::place {
namespace {

uint64_t bit(DeviceId device) { return uint64_t{1} << device; }

class BranchAndBound {
 public:
  BranchAndBound(const Problem& problem, const Budget& budget)
      : problem_(problem),
        budget_(budget),
        evaluator_(problem),
        bound_(problem),
        class_of_(interchangeable(problem)),
        choices_(problem.graph().num_units(), 0) {
    for (UnitId unit = 0; unit < choices_.size(); ++unit)
      for (const DeviceId device : problem.choices(unit)) choices_[unit] |= bit(device);
    decided_ = choices_;
    most_evaluations_ = budget.evaluations > 0 ? budget.evaluations
                        : budget.seconds < 0   ? default_evaluations(problem)
                                               : std::numeric_limits<uint64_t>::max();
  }

  ExactResult run() {
    seed();
    bool fresh = true;  // the present decisions were not looked at yet
    for (;;) {
      if (over()) break;
      if (fresh && !descend()) fresh = false;
      if (!fresh && !(fresh = next())) {
        result_.proved = true;
        break;
      }
    }
    result_.evaluations = evaluator_.evaluations();
    if (budget_.progress) budget_.progress(result_.evaluations, result_.score);
    return std::move(result_);
  }

 private:
  struct Frame {
    UnitId unit;
    uint64_t untried;
  };

  /// A good first answer cuts most.
  void seed() {
    for (const UnitPlacement& start : starts(problem_, budget_)) consider(start, evaluator_.score(start));
  }

  void consider(const UnitPlacement& placement, const Score& score) {
    if (!result_.placement.empty() && !(score < result_.score)) return;
    result_.placement = placement;
    result_.score = score;
    if (budget_.improved) budget_.improved({evaluator_.evaluations(), elapsed_s(), score});
  }

  /// Completes the decisions as the best placement does and runs it. Decides one unit more, unless nothing better can
  /// follow.
  bool descend() {
    UnitPlacement trial = result_.placement;
    for (const Frame& frame : stack_) trial[frame.unit] = device(frame.unit);
    const sim::Outcome outcome = bound_.knows_score() ? evaluator_.outcome(trial, true) : sim::Outcome{};
    consider(trial, bound_.knows_score() ? Score{outcome.overflow_bytes, outcome.makespan_ps, outcome.makespan_ps}
                                         : evaluator_.score(trial));
    if (result_.score.overflow_bytes == 0 && bound_.overflows(decided_)) return false;
    const auto [unit, lower_ps] = bound_(decided_, trial, outcome);
    if (unit == graph::kNone || !can_improve(lower_ps)) return false;
    stack_.push_back({unit, distinct(unit)});
    return next();
  }

  /// Latency alone has a bound; an incumbent that does not fit is beaten by whatever fits.
  bool can_improve(int64_t lower_ps) const {
    return result_.score.overflow_bytes > 0 || !bound_.knows_score() || lower_ps < result_.score.value;
  }

  /// The next device of the unit decided last that has one; false when all are done.
  bool next() {
    for (; !stack_.empty(); stack_.pop_back()) {
      Frame& frame = stack_.back();
      if (frame.untried == 0) {
        decided_[frame.unit] = choices_[frame.unit];
        continue;
      }
      const DeviceId preferred = result_.placement[frame.unit];
      const uint64_t choice = frame.untried & bit(preferred) ? bit(preferred) : frame.untried & -frame.untried;
      frame.untried &= ~choice;
      decided_[frame.unit] = choice;
      return true;
    }
    return false;
  }

  /// The devices of `unit` but for those that an unused one like them stands for.
  uint64_t distinct(UnitId unit) const {
    uint64_t used = 0, taken = 0, result = 0;
    for (const Frame& frame : stack_) used |= decided_[frame.unit];
    for (const DeviceId device : problem_.choices(unit)) {
      const bool spare = !(used & bit(device));
      if (spare && (taken & bit(class_of_[device]))) continue;
      if (spare) taken |= bit(class_of_[device]);
      result |= bit(device);
    }
    return result;
  }

  DeviceId device(UnitId unit) const { return static_cast<DeviceId>(std::countr_zero(decided_[unit])); }

  bool over() {
    const uint64_t evaluations = evaluator_.evaluations();
    if (evaluations >= most_evaluations_) return true;
    if (budget_.stop && budget_.stop->load(std::memory_order_relaxed)) return true;
    if (evaluations % 64 != 0) return false;
    if (budget_.progress && evaluations % 4096 == 0) budget_.progress(evaluations, result_.score);
    return budget_.seconds >= 0 && elapsed_s() >= budget_.seconds;
  }
  double elapsed_s() const { return std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count(); }

  const Problem& problem_;
  const Budget& budget_;
  Evaluator evaluator_;
  CompletionBound bound_;
  std::vector<DeviceId> class_of_;
  std::vector<uint64_t> choices_, decided_;  // unit -> devices: all, and those left open
  std::vector<Frame> stack_;
  ExactResult result_;
  uint64_t most_evaluations_;
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

}  // namespace

ExactResult solve_exact(const Problem& problem, const Budget& budget) { return BranchAndBound(problem, budget).run(); }

bool is_provable(const Problem& problem) {
  constexpr uint32_t kFewUnits = 48;
  return problem.plain_latency() && problem.graph().num_units() <= kFewUnits && CompletionBound(problem).knows_score();
}

UnitPlacement place_exact(const Problem& problem, const Budget& budget) {
  ExactResult result = solve_exact(problem, budget);
  if (budget.proved) *budget.proved = result.proved;
  return std::move(result.placement);
}

}  // namespace allot::place
