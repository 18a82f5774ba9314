// SPDX-License-Identifier: Apache-2.0
#include <optional>

#include "place/methods.h"

namespace allot::place {

UnitPlacement place_scenarios(const Problem& problem, const Budget& budget) {
  Budget each = budget;
  each.start = nullptr;
  each.progress = nullptr;
  each.improved = nullptr;
  if (each.seconds > 0) each.seconds /= 1.0 + static_cast<double>(problem.others().size());
  Evaluator evaluator(problem);
  UnitPlacement best;
  std::optional<Score> best_score;
  const auto try_plan_for = [&](const Problem& scenario) {
    const Comparison all = compare(scenario, "auto", each);
    const UnitPlacement& plan = all.methods[all.best].placement;
    const Score score = evaluator.score_as_written(plan);
    if (!best_score || score < *best_score) best = plan, best_score = score;
    if (budget.progress) budget.progress(evaluator.evaluations(), *best_score);
  };
  try_plan_for(problem.alone());
  for (const auto& [weight, other] : problem.others()) try_plan_for(*other);
  return best;
}

}  // namespace allot::place
