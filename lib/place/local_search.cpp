// SPDX-License-Identifier: Apache-2.0
#include "place/local_search.h"

#include <algorithm>
#include <unordered_set>

#include "base/parallel.h"
#include "base/rng.h"
#include "place/critical_chain.h"
#include "place/search.h"
#include "place/walker.h"

namespace allot::place {
namespace {

constexpr uint32_t kStream = 0x6C6F6361;
constexpr uint64_t kEvaluationsPerUnit = 20;
constexpr uint64_t kChainAge = 50;  // evaluations after which the critical chain is looked up again

class Descent {
 public:
  Descent(const Problem& problem, const UnitPlacement& start, const Budget& budget, base::Rng rng)
      : search_(problem, budget),
        walker_(problem, start),
        cuts_off_(problem.plain_latency()),
        current_(search_.start(start)),
        rng_(rng) {}

  Improved run() {
    while (walker_.can_move() && !search_.over()) step();
    const Score score = search_.best_score();
    const uint64_t evaluations = search_.evaluations();
    return {search_.finish(), score, evaluations};
  }

 private:
  void step() {
    chain_.refresh();
    const auto moves = walker_.propose(rng_);
    if (moves.empty()) return search_.skip();
    const uint64_t fingerprint = walker_.fingerprint();
    if (turned_down_.contains(fingerprint)) return walker_.undo(), search_.skip();
    const bool by_time = cuts_off_ && current_.overflow_bytes == 0;
    const auto score = search_.try_moves(moves, walker_.placement(), by_time ? current_.makespan_ps : INT64_MAX);
    if (!score || *score > current_) {
      turned_down_.insert(fingerprint);
      return walker_.undo();
    }
    search_.accept();
    current_ = *score;
    chain_.placement_changed();
  }

  Search search_;
  Walker walker_;
  CriticalChain chain_{search_, walker_, kChainAge, nullptr};
  const bool cuts_off_;
  Score current_;
  base::Rng rng_;
  std::unordered_set<uint64_t> turned_down_;  // fingerprints; for good, as current_ only falls
};

}  // namespace

LocalSearch::LocalSearch(const Problem& problem, LocalSearchOptions options) : problem_(problem), options_(options) {
  if (options_.evaluations == 0)
    options_.evaluations = std::min(kEvaluationsPerUnit * problem.graph().num_units(), default_evaluations(problem));
}

std::vector<Improved> LocalSearch::improve(std::span<const UnitPlacement> placements, uint32_t step, uint64_t most) {
  std::vector<Improved> improved(placements.size());
  base::parallel_for(placements.size(), options_.threads, [&](size_t item) {
    improved[item] = improve_one(placements[item], step, static_cast<uint32_t>(item), most);
  });
  for (const Improved& one : improved) evaluations_ += one.evaluations;
  return improved;
}

Improved LocalSearch::improve_one(const UnitPlacement& placement, uint32_t step, uint32_t item, uint64_t most) const {
  Budget budget;
  budget.evaluations = std::max<uint64_t>(1, std::min(most, options_.evaluations));
  budget.seconds = options_.seconds;
  budget.stop = options_.stop;
  return Descent(problem_, placement, budget, base::Rng(options_.seed, kStream, step, item)).run();
}

}  // namespace allot::place
