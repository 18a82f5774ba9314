// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>

#include "base/rng.h"
#include "place/methods.h"
#include "place/search.h"

namespace allot::place {
namespace {

constexpr uint32_t kStream = 0x616E6E65;
constexpr double kHottest = 0.05;       // of the start's makespan
constexpr double kUnitShare = 0.1;      // of a unit's mean time: a move changes about one unit
constexpr double kCooling = 1.0 / 500;  // from the first temperature to the last
constexpr uint32_t kLongestRun = 9;

/// Distinct units that exchange a tensor with each unit.
base::Csr<UnitId> neighbours(const graph::OpGraph& graph) {
  base::Csr<UnitId> result;
  std::vector<UnitId> row;
  for (UnitId unit = 0; unit < graph.num_units(); ++unit) {
    row.clear();
    for (const OpId op : graph.members[unit]) {
      for (const OpId other : graph.predecessors[op]) row.push_back(graph.unit_of[other]);
      for (const OpId other : graph.successors[op]) row.push_back(graph.unit_of[other]);
    }
    std::sort(row.begin(), row.end());
    row.erase(std::unique(row.begin(), row.end()), row.end());
    row.erase(std::remove(row.begin(), row.end(), unit), row.end());
    result.add_row(row);
  }
  return result;
}

/// A placement that is changed a little at a time and can take the last change back.
class Walker {
 public:
  Walker(const Problem& problem, UnitPlacement placement)
      : problem_(problem), neighbours_(neighbours(problem.graph())), placement_(std::move(placement)) {
    for (UnitId unit = 0; unit < placement_.size(); ++unit)
      if (problem.choices(unit).size() > 1) movable_.push_back(unit);
  }

  bool can_move() const { return !movable_.empty(); }
  const UnitPlacement& placement() const { return placement_; }

  /// Returns whether anything changed. The mix of moves is that of placement 8.11.
  bool move(base::Rng& rng) {
    changes_.clear();
    const UnitId unit = movable_[rng.below(static_cast<uint32_t>(movable_.size()))];
    const auto choices = problem_.choices(unit);
    const DeviceId device = choices[rng.below(static_cast<uint32_t>(choices.size()))];
    const double kind = rng.uniform();
    if (kind < 0.6) {
      put(unit, device);
    } else if (kind < 0.8) {
      put(unit, device);
      for (const UnitId neighbour : neighbours_[unit])
        if (rng.next_u32() & 1) put(neighbour, device);
    } else if (kind < 0.9) {
      const UnitId other = movable_[rng.below(static_cast<uint32_t>(movable_.size()))];
      const DeviceId here = placement_[unit], there = placement_[other];
      if (!problem_.allowed(unit, there) || !problem_.allowed(other, here)) return false;
      put(unit, there);
      put(other, here);
    } else {
      const auto end = std::min<size_t>(placement_.size(), unit + 1 + rng.below(kLongestRun));
      for (UnitId next = unit; next < end; ++next) put(next, device);
    }
    return !changes_.empty();
  }

  void undo() {
    for (; !changes_.empty(); changes_.pop_back()) placement_[changes_.back().first] = changes_.back().second;
  }

 private:
  void put(UnitId unit, DeviceId device) {
    if (placement_[unit] == device || !problem_.allowed(unit, device)) return;
    changes_.emplace_back(unit, placement_[unit]);
    placement_[unit] = device;
  }

  const Problem& problem_;
  base::Csr<UnitId> neighbours_;
  UnitPlacement placement_;
  std::vector<UnitId> movable_;
  std::vector<std::pair<UnitId, DeviceId>> changes_;  // with the device before
};

/// What annealing minimises: the makespan, plus one start's makespan for each percent of the smallest memory that is
/// exceeded.
class Energy {
 public:
  Energy(const Problem& problem, const Score& start) : unit_(std::max(1.0, static_cast<double>(start.makespan_ps))) {
    int64_t smallest = std::numeric_limits<int64_t>::max();
    for (const auto& device : problem.cluster().devices) smallest = std::min(smallest, device.usable_bytes());
    per_byte_ = 100.0 / std::max(1.0, static_cast<double>(smallest));
  }
  /// In makespans of the start.
  double operator()(const Score& score) const {
    return static_cast<double>(score.makespan_ps) / unit_ + per_byte_ * static_cast<double>(score.overflow_bytes);
  }

 private:
  double unit_, per_byte_;
};

/// In makespans of the start. Hotter than a unit's share, a search of many units only loses what its start knew.
double start_temperature(const Problem& problem, const Score& start) {
  double work_ps = 0;
  for (UnitId unit = 0; unit < problem.graph().num_units(); ++unit)
    work_ps += static_cast<double>(problem.unit_time_ps(unit, problem.fastest(unit)));
  const double mean_ps = work_ps / std::max(1u, problem.graph().num_units());
  return std::min(kHottest, kUnitShare * mean_ps / std::max(1.0, static_cast<double>(start.makespan_ps)));
}

/// Scores what the constructive methods give, cheapest first.
void score_starts(const Problem& problem, const Budget& budget, Search& search) {
  for (const UnitPlacement& candidate : single_candidates(problem)) {
    search.score(candidate);
    if (search.over() && budget.seconds != 0) return;
  }
  for (const auto method : {place_contiguous, place_round_robin, place_heft, place_m_etf}) {
    search.score(method(problem, budget));
    if (search.over() && budget.seconds != 0) return;
  }
}

}  // namespace

UnitPlacement place_anneal(const Problem& problem, const Budget& budget) {
  Search search(problem, budget);
  score_starts(problem, budget, search);
  Walker walker(problem, search.best());
  if (!walker.can_move()) return search.finish();

  const Energy energy(problem, search.best_score());
  const double hottest = start_temperature(problem, search.best_score());
  double current = energy(search.best_score());
  for (uint64_t step = 0; !search.over(); ++step) {
    base::Rng rng(budget.seed, kStream, static_cast<uint32_t>(step), static_cast<uint32_t>(step >> 32));
    if (!walker.move(rng)) continue;
    const double next = energy(search.score(walker.placement()));
    const double temperature = hottest * std::pow(kCooling, search.spent());
    if (next <= current || rng.uniform() < std::exp((current - next) / temperature)) {
      current = next;
    } else {
      walker.undo();
    }
  }
  return search.finish();
}

}  // namespace allot::place
