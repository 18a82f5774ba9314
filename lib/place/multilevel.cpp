// SPDX-License-Identifier: Apache-2.0
// Search in graphs of which a budget buys few evaluations.
#include "place/coarsen.h"
#include "place/methods.h"
#include "place/windows.h"

namespace allot::place {
namespace {

constexpr uint32_t kContractions[] = {4, 16};  // fine ops for a coarse one

/// What list schedulers make of coarser graphs. Where much is sent along chains, they see farther there.
void try_coarser(const Problem& problem, Search& search) {
  for (const uint32_t contraction : kContractions) {
    const auto coarse = coarsen(problem, problem.graph().num_ops() / contraction + 1);
    if (!coarse) continue;
    for (const auto& method : {place_heft, place_critical_path, place_m_etf})
      if (!search.over()) search.score(coarse->project(method(coarse->problem, {})));
  }
}

/// What is left of the budget for a walk over the whole graph.
Budget rest(const Budget& budget, const Search& search) {
  Budget left = budget;
  const double share = 1 - search.spent();
  left.start = &search.best();
  if (budget.seconds >= 0) left.seconds = share * budget.seconds;
  if (budget.evaluations > 0 || budget.seconds < 0)
    left.evaluations = 1 + static_cast<uint64_t>(share * static_cast<double>(search.most_evaluations()));
  left.improved = {};
  left.progress = {};
  return left;
}

}  // namespace

UnitPlacement place_multilevel(const Problem& problem, const Budget& budget) {
  Search search(problem, budget);
  search.score(budget.start ? *budget.start : best_start(problem, budget));
  if (problem.plain_latency()) {
    try_coarser(problem, search);
    search_in_windows(problem, budget, search);
  }
  if (!search.over()) search.score(place_anneal(problem, rest(budget, search)));
  return search.finish();
}

}  // namespace allot::place
