// SPDX-License-Identifier: Apache-2.0
#include "place/methods.h"
#include "place/search.h"

namespace allot::place {

UnitPlacement place_scenarios(const Problem& problem, const Budget& budget) {
  Budget each = budget;
  each.start = nullptr;
  each.progress = nullptr;
  each.improved = nullptr;
  if (each.seconds > 0) each.seconds /= 1.0 + static_cast<double>(problem.others().size());
  const auto plan = [&](const Problem& scenario) {
    const Comparison all = compare(scenario, "auto", each);
    return all.methods[all.best].placement;
  };
  Search search(problem, budget);
  search.score(plan(problem.alone()));
  for (const auto& [weight, other] : problem.others()) search.score(plan(*other));
  return search.finish();
}

}  // namespace allot::place
