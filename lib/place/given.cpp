// SPDX-License-Identifier: Apache-2.0
#include "place/given.h"

#include <algorithm>
#include <chrono>
#include <numeric>

#include "base/parallel.h"
#include "place/local_search.h"

namespace allot::place {
namespace {

using Clock = std::chrono::steady_clock;

constexpr size_t kImproved = 4;  // a walk each
constexpr size_t kScoredTogether = 8;

struct Scored {
  UnitPlacement placement;
  Score score;
  size_t origin;  // which of those given
};

std::vector<Scored> score_all(const Problem& problem, std::vector<UnitPlacement> given, unsigned threads) {
  std::vector<Scored> scored(given.size());
  base::parallel_for((given.size() + kScoredTogether - 1) / kScoredTogether, threads, [&](size_t shard) {
    Evaluator evaluator(problem);
    for (size_t i = shard * kScoredTogether; i < std::min(given.size(), (shard + 1) * kScoredTogether); ++i)
      scored[i].score = evaluator.score(given[i]), scored[i].placement = std::move(given[i]), scored[i].origin = i;
  });
  return scored;
}

/// Best first. Of equal scores one is left: most often the others differ by the names of equal devices alone.
void keep_best_distinct(std::vector<Scored>& scored) {
  std::stable_sort(scored.begin(), scored.end(), [](const Scored& a, const Scored& b) { return a.score < b.score; });
  const auto same = [](const Scored& a, const Scored& b) { return a.score == b.score; };
  scored.erase(std::unique(scored.begin(), scored.end(), same), scored.end());
  scored.resize(std::min(scored.size(), kImproved));
}

/// For each of so many placements, which as many threads as there are improve side by side.
LocalSearchOptions share_of(const Problem& problem, const Budget& budget, uint64_t spent, double elapsed_s,
                            size_t placements) {
  LocalSearchOptions options{.seed = budget.seed, .threads = budget.threads, .stop = budget.stop};
  const uint64_t all = budget.evaluations > 0 ? budget.evaluations
                       : budget.seconds < 0   ? default_evaluations(problem)
                                              : UINT64_MAX;
  options.evaluations = std::max<uint64_t>(1, (all - std::min(all, spent)) / placements);
  if (budget.seconds >= 0) {
    const size_t at_once = std::min<size_t>(base::resolve_threads(budget.threads), placements);
    const size_t rounds = (placements + at_once - 1) / at_once;
    options.seconds = std::max(0.0, budget.seconds - elapsed_s) / static_cast<double>(rounds);
  }
  return options;
}

void tell(const Budget& budget, uint64_t evaluations, Clock::time_point begin, const Score& best) {
  if (budget.progress) budget.progress(evaluations, best);
  const double seconds = std::chrono::duration<double>(Clock::now() - begin).count();
  if (budget.improved) budget.improved({evaluations, seconds, best});
}

}  // namespace

UnitPlacement improve_given(const Problem& problem, std::vector<UnitPlacement> given, const Budget& budget,
                            size_t* origin) {
  const auto begin = Clock::now();
  if (budget.start) given.push_back(*budget.start);
  const uint64_t scored = given.size();
  std::vector<Scored> best = score_all(problem, std::move(given), budget.threads);
  keep_best_distinct(best);
  tell(budget, scored, begin, best[0].score);
  std::vector<UnitPlacement> starts;
  for (Scored& one : best) starts.push_back(std::move(one.placement));
  const double elapsed_s = std::chrono::duration<double>(Clock::now() - begin).count();
  LocalSearch search(problem, share_of(problem, budget, scored, elapsed_s, starts.size()));
  std::vector<Improved> improved = search.improve(starts, 0);
  const auto found = std::min_element(improved.begin(), improved.end(),
                                      [](const Improved& a, const Improved& b) { return a.score < b.score; });
  tell(budget, scored + search.evaluations(), begin, found->score);
  if (origin) *origin = best[static_cast<size_t>(found - improved.begin())].origin;
  return std::move(found->placement);
}

}  // namespace allot::place
