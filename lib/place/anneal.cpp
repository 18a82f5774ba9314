// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <memory>

#include "base/parallel.h"
#include "base/rng.h"
#include "place/critical_chain.h"
#include "place/methods.h"
#include "place/move_policy.h"
#include "place/search.h"
#include "place/walker.h"

namespace allot::place {
namespace {

constexpr uint32_t kStream = 0x616E6E65;
constexpr double kHottest = 0.05;                      // temperature: of the start's value, at most
constexpr std::array kLadder = {0.15, 0.6, 2.0, 6.0};  // temperatures tried: of a unit's mean time
constexpr double kColdest = 0.02;                      // the last temperature: of a unit's mean time
constexpr double kTrial = 0.06;                        // of the budget, for each temperature tried
constexpr double kLonger = 2;                          // the long cycle is hotter than the best short one
constexpr double kMostGain = 3;                        // temperatures: of a move, to learn from
constexpr uint64_t kChainAge = 100;                    // evaluations after which the critical chain is looked up again
constexpr size_t kMostKnown = 1 << 18;  // placements remembered; walks over large graphs never come back to one

/// What annealing minimises, in values of the start: the objective, a little of the makespan where the objective is
/// another, and one start's value for each percent of the smallest memory that is exceeded.
class Energy {
 public:
  Energy(const Problem& problem, const Score& start)
      : value_(1.0 / std::max(1.0, static_cast<double>(start.value))),
        makespan_(problem.objective() == Objective::latency
                      ? 0
                      : kTieBreak / std::max(1.0, static_cast<double>(start.makespan_ps))) {
    int64_t smallest = std::numeric_limits<int64_t>::max();
    for (const auto& device : problem.cluster().devices) smallest = std::min(smallest, device.usable_bytes());
    overflow_ = 100.0 / std::max(1.0, static_cast<double>(smallest));
  }
  double operator()(const Score& score) const {
    return value_ * static_cast<double>(score.value) + makespan_ * static_cast<double>(score.makespan_ps) +
           overflow_ * static_cast<double>(score.overflow_bytes);
  }
  /// A makespan above it has more energy than `limit`, where the objective is latency.
  int64_t cutoff_ps(double limit) const {
    const double cutoff = limit / value_;
    return cutoff < 9e18 ? static_cast<int64_t>(cutoff) : std::numeric_limits<int64_t>::max();
  }

 private:
  static constexpr double kTieBreak = 0.01;
  double value_, makespan_, overflow_;
};

/// What the placements tried last cost at least, so that a walk need not evaluate again what it just turned down.
class Known {
 public:
  explicit Known(size_t slots) : entries_(slots) {}
  double at_least(uint64_t fingerprint) const {
    if (entries_.empty()) return 0;
    const Entry& entry = entries_[fingerprint % entries_.size()];
    return entry.fingerprint == fingerprint ? entry.energy : 0;
  }
  void add(uint64_t fingerprint, double energy) {
    if (!entries_.empty()) entries_[fingerprint % entries_.size()] = {fingerprint, energy};
  }

 private:
  struct Entry {
    uint64_t fingerprint = 0;
    double energy = 0;
  };
  std::vector<Entry> entries_;
};

/// A unit's mean time on its fastest device, in values of the start: what a move changes, about.
double unit_share(const Problem& problem, const Score& start) {
  double work_ps = 0;
  for (UnitId unit = 0; unit < problem.graph().num_units(); ++unit)
    work_ps += static_cast<double>(problem.unit_time_ps(unit, problem.fastest(unit)));
  const double mean_ps = work_ps / std::max(1u, problem.graph().num_units());
  return mean_ps / std::max(1.0, static_cast<double>(start.makespan_ps));
}

/// One walk from placement to placement, in cycles that cool down geometrically. How hot a graph wants it cannot be
/// told beforehand: short cycles from the start try a ladder of temperatures, then a long one goes on from the best at
/// the temperature that led there.
class Annealing {
 public:
  Annealing(const Problem& problem, const UnitPlacement& start, const Budget& budget, uint32_t chain)
      : search_(problem, budget),
        walker_(problem, start),
        policy_(budget.moves ? std::make_unique<MovePolicy>(problem, *budget.moves) : nullptr),
        origin_(start),
        energy_(problem, search_.start(start)),
        unit_share_(unit_share(problem, search_.best_score())),
        known_(problem.graph().num_ops() < kManyOps ? kMostKnown : 0),
        rng_(budget.seed, kStream, chain) {}

  UnitPlacement run() {
    if (!walker_.can_move()) return search_.finish();
    const double origin = energy_(search_.best_score());
    double lowest = origin;
    double temperature = kLadder.front();
    for (size_t trial = 0; trial < kLadder.size() && !search_.over(); ++trial) {
      const double reached = cycle(origin_, kLadder[trial], kTrial * static_cast<double>(trial + 1));
      if (reached < lowest) lowest = reached, temperature = kLadder[trial];
    }
    if (!search_.over()) cycle(UnitPlacement(search_.best()), kLonger * temperature, 1);
    return search_.finish();
  }

  /// What was learned of moves; there was a budget.moves.
  const MoveWeights& learned() const { return policy_->weights(); }

 private:
  /// From `start` until part `end` of the budget is spent. Returns the lowest energy on the way.
  double cycle(const UnitPlacement& start, double hottest, double end) {
    walker_.restart(start);
    current_ = lowest_ = energy_(search_.start(start));
    chain_.placement_changed();
    const double begin = search_.spent(), first = std::min(kHottest, hottest * unit_share_);
    const double last = std::min(first, kColdest * unit_share_);
    while (!search_.over()) {
      const double part = (search_.spent() - begin) / (end - begin);
      if (part >= 1) break;
      step(first * std::pow(last / first, part));
    }
    return lowest_;
  }

  void step(double temperature) {
    chain_.refresh();
    const auto moves = walker_.propose(rng_);
    if (moves.empty()) return search_.skip();
    // Metropolis: the limit is drawn before anything is evaluated, so that hopeless candidates can be cut off.
    const double limit = current_ - temperature * std::log(1 - rng_.uniform());
    const double before = current_;
    const bool alone = moves.size() == 1;
    const UnitMove first = moves.front();
    if (!accepted(moves, limit)) walker_.undo();
    if (policy_ && alone) policy_->learn(first, std::clamp((before - current_) / temperature, 0.0, kMostGain));
  }

  bool accepted(std::span<const UnitMove> moves, double limit) {
    const uint64_t fingerprint = walker_.fingerprint();
    if (known_.at_least(fingerprint) > limit) return search_.skip(), false;
    const auto score = search_.try_moves(moves, walker_.placement(), energy_.cutoff_ps(limit));
    const double energy = score ? energy_(*score) : std::nextafter(limit, std::numeric_limits<double>::max());
    known_.add(fingerprint, energy);
    if (energy > limit) return false;
    search_.accept();
    current_ = energy;
    lowest_ = std::min(lowest_, energy);
    chain_.placement_changed();
    return true;
  }

  Search search_;
  Walker walker_;
  std::unique_ptr<MovePolicy> policy_;  // may be null
  CriticalChain chain_{search_, walker_, kChainAge, policy_.get()};
  const UnitPlacement origin_;
  const Energy energy_;
  const double unit_share_;
  Known known_;
  base::Rng rng_;
  double current_ = 0, lowest_ = 0;  // energies: now, and in this cycle
};

}  // namespace

UnitPlacement best_start(const Problem& problem, const Budget& budget) {
  Search search(problem, budget);
  for (const Placer* placer : constructive_placers(problem, budget)) {
    if (search.evaluations() > 0 && search.over() && budget.seconds != 0) break;
    search.score(placer->place(problem, budget));
  }
  return search.finish();
}

UnitPlacement place_anneal(const Problem& problem, const Budget& budget) {
  const UnitPlacement start = budget.start ? *budget.start : best_start(problem, budget);
  // A budget of evaluations buys most in one long walk. Time is shared by as many walks as there are threads.
  const bool by_time = budget.seconds >= 0 && budget.evaluations == 0;
  const unsigned chains = by_time ? base::resolve_threads(budget.threads) : 1;
  std::vector<UnitPlacement> ends(chains);
  std::vector<MoveWeights> learned(budget.moves ? chains : 0);
  base::parallel_for(chains, budget.threads, [&](size_t chain) {
    Annealing annealing(problem, start, budget, static_cast<uint32_t>(chain));
    ends[chain] = annealing.run();
    if (budget.moves) learned[chain] = annealing.learned();
  });
  if (budget.moves) *budget.moves = mean(learned);
  Evaluator evaluator(problem);
  return *std::min_element(ends.begin(), ends.end(), [&](const UnitPlacement& a, const UnitPlacement& b) {
    return evaluator.score(a) < evaluator.score(b);
  });
}

}  // namespace allot::place
