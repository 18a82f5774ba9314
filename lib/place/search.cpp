// SPDX-License-Identifier: Apache-2.0
#include "place/search.h"

#include <algorithm>
#include <limits>

namespace allot::place {
namespace {

constexpr double kReportSeconds = 0.1;

uint64_t most_evaluations(const Problem& problem, const Budget& budget) {
  if (budget.evaluations > 0) return budget.evaluations;
  return budget.seconds < 0 ? default_evaluations(problem) : std::numeric_limits<uint64_t>::max();
}

}  // namespace

Search::Search(const Problem& problem, const Budget& budget)
    : budget_(&budget), most_evaluations_(most_evaluations(problem, budget)), evaluator_(problem) {}

Score Search::score(const UnitPlacement& placement) {
  const Score score = evaluator_.score(placement);
  if (evaluator_.evaluations() == 1 || score < best_score_) {
    best_ = placement;
    best_score_ = score;
  }
  if (budget_->progress && elapsed_s() - reported_s_ >= kReportSeconds) report();
  return score;
}

bool Search::over() const {
  if (evaluator_.evaluations() >= most_evaluations_) return true;
  if (budget_->stop && budget_->stop->load(std::memory_order_relaxed)) return true;
  return budget_->seconds >= 0 && elapsed_s() >= budget_->seconds;
}

double Search::spent() const {
  double part = static_cast<double>(evaluator_.evaluations()) / static_cast<double>(most_evaluations_);
  if (budget_->seconds >= 0) part = std::max(part, budget_->seconds > 0 ? elapsed_s() / budget_->seconds : 1.0);
  return std::min(part, 1.0);
}

UnitPlacement Search::finish() {
  if (budget_->progress) report();
  return std::move(best_);
}

void Search::report() {
  reported_s_ = elapsed_s();
  budget_->progress(evaluator_.evaluations(), best_score_);
}

}  // namespace allot::place
