// SPDX-License-Identifier: Apache-2.0
#include "place/search.h"

#include <algorithm>
#include <limits>

namespace allot::place {
namespace {

constexpr double kReportSeconds = 0.1;

uint64_t evaluation_limit(const Problem& problem, const Budget& budget) {
  if (budget.evaluations > 0) return budget.evaluations;
  return budget.seconds < 0 ? default_evaluations(problem) : std::numeric_limits<uint64_t>::max();
}

}  // namespace

Search::Search(const Problem& problem, const Budget& budget)
    : problem_(&problem),
      budget_(&budget),
      most_evaluations_(evaluation_limit(problem, budget)),
      target_(problem.plain_latency() ? problem.bounds().best() : 0),
      evaluator_(problem) {}

Score Search::score(const UnitPlacement& placement) {
  const Score score = evaluator_.score(placement);
  note(placement, score);
  return score;
}

Score Search::start(const UnitPlacement& base) {
  if (!problem_->plain_latency()) return score(base);
  if (!incremental_)
    incremental_ = std::make_unique<sim::Incremental>(problem_->graph(), problem_->costs(), problem_->cluster(),
                                                      evaluator_.memory_matters());
  const auto result = incremental_->reset(problem_->expand(base));
  const Score score{result.overflow_bytes, result.makespan_ps, result.makespan_ps};
  note(base, score);
  return score;
}

std::optional<Score> Search::try_moves(std::span<const UnitMove> moves, const UnitPlacement& moved, int64_t cutoff_ps) {
  if (!incremental_) return score(moved);
  moves_.clear();
  for (const auto& [unit, device] : moves)
    for (const OpId op : problem_->graph().members[unit]) moves_.push_back({op, device});
  const auto result = incremental_->try_moves(moves_, cutoff_ps);
  if (!result.exact) {
    ++evaluations_;
    return std::nullopt;
  }
  const Score score{result.overflow_bytes, result.makespan_ps, result.makespan_ps};
  note(moved, score);
  return score;
}

void Search::accept() {
  if (incremental_) incremental_->accept();
}

std::vector<UnitId> Search::critical_units(const UnitPlacement& placement) {
  ++evaluations_;
  std::vector<UnitId> units;
  for (const sim::CriticalStep& step : evaluator_.critical(placement))
    if (step.op != graph::kNone) units.push_back(problem_->graph().unit_of[step.op]);
  std::sort(units.begin(), units.end());
  units.erase(std::unique(units.begin(), units.end()), units.end());
  return units;
}

void Search::note(const UnitPlacement& placement, const Score& score) {
  if (++evaluations_ == 1 || score < best_score_) {
    best_ = placement;
    best_score_ = score;
    if (budget_->improved) budget_->improved({evaluations_, elapsed_s(), score});
  }
  if (budget_->progress && elapsed_s() - reported_s_ >= kReportSeconds) report();
}

double Search::counted() const { return static_cast<double>(evaluations_) + spent_evaluations_; }

bool Search::over() const {
  if (counted() >= static_cast<double>(most_evaluations_)) return true;
  if (best_score_.overflow_bytes == 0 && best_score_.value <= target_ && evaluations_ > 0) return true;
  if (budget_->stop && budget_->stop->load(std::memory_order_relaxed)) return true;
  return budget_->seconds >= 0 && elapsed_s() >= budget_->seconds;
}

double Search::spent() const {
  double part = counted() / static_cast<double>(most_evaluations_);
  if (budget_->seconds >= 0) part = std::max(part, budget_->seconds > 0 ? elapsed_s() / budget_->seconds : 1.0);
  return std::min(part, 1.0);
}

UnitPlacement Search::finish() {
  if (budget_->progress) report();
  return std::move(best_);
}

void Search::report() {
  reported_s_ = elapsed_s();
  budget_->progress(evaluations_, best_score_);
}

}  // namespace allot::place
