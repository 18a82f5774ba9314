// SPDX-License-Identifier: Apache-2.0
#include "bench/plain_annealing.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>

#include "base/rng.h"
#include "place/evaluator.h"
#include "place/methods.h"

namespace allot::bench {
namespace {

using namespace place;

constexpr uint32_t kStream = 0x706C6169;
constexpr double kFirst = 0.05, kLast = 1e-4;  // temperatures, of the start's makespan

class PlainAnnealing {
 public:
  PlainAnnealing(const Problem& problem, uint64_t evaluations, uint64_t seed)
      : problem_(problem), most_(evaluations), evaluator_(problem), rng_(seed, kStream) {
    const auto& graph = problem.graph();
    neighbours_.resize(graph.num_units());
    for (OpId op = 0; op < graph.num_ops(); ++op)
      for (const OpId next : graph.successors[op]) {
        const UnitId a = graph.unit_of[op], b = graph.unit_of[next];
        if (a != b) neighbours_[a].insert(b), neighbours_[b].insert(a);
      }
    for (UnitId unit = 0; unit < graph.num_units(); ++unit)
      if (problem.choices(unit).size() > 1) movable_.push_back(unit);
  }

  Score run() {
    for (const auto& candidate : single_candidates(problem_)) consider(candidate);
    for (const auto method : {place_heft, place_m_etf}) consider(method(problem_, {}));
    const double begin = static_cast<double>(evaluator_.evaluations()), end = static_cast<double>(most_);
    start_ps_ = std::max(1.0, static_cast<double>(best_.makespan_ps));
    double current = energy(best_);
    while (!movable_.empty() && evaluator_.evaluations() < most_) {
      const UnitPlacement before = placement_;
      move();
      if (placement_ == before) continue;
      const Score score = evaluator_.score(placement_);
      best_ = std::min(best_, score);
      const double spent = (static_cast<double>(evaluator_.evaluations()) - begin) / (end - begin);
      const double temperature = kFirst * std::pow(kLast / kFirst, spent);
      if (energy(score) <= current || rng_.uniform() < std::exp((current - energy(score)) / temperature))
        current = energy(score);
      else
        placement_ = before;
    }
    return best_;
  }

 private:
  void consider(const UnitPlacement& candidate) {
    const Score score = evaluator_.score(candidate);
    if (placement_.empty() || score < best_) best_ = score, placement_ = candidate;
  }

  /// In makespans of the start; one more for each percent of the smallest memory that is exceeded.
  double energy(const Score& score) const {
    int64_t smallest = std::numeric_limits<int64_t>::max();
    for (const auto& device : problem_.cluster().devices) smallest = std::min(smallest, device.usable_bytes());
    return static_cast<double>(score.makespan_ps) / start_ps_ +
           100.0 * static_cast<double>(score.overflow_bytes) / std::max(1.0, static_cast<double>(smallest));
  }

  UnitId any_unit() { return movable_[rng_.below(static_cast<uint32_t>(movable_.size()))]; }
  void put(UnitId unit, DeviceId device) {
    if (problem_.allowed(unit, device)) placement_[unit] = device;
  }

  void move() {
    const UnitId unit = any_unit();
    const auto choices = problem_.choices(unit);
    const DeviceId device = choices[rng_.below(static_cast<uint32_t>(choices.size()))];
    const double kind = rng_.uniform();
    if (kind < 0.8) {
      put(unit, device);
      if (kind < 0.6) return;
      for (const UnitId neighbour : neighbours_[unit])
        if (rng_.next_u32() & 1) put(neighbour, device);
    } else if (kind < 0.9) {
      const UnitId other = any_unit();
      const DeviceId here = placement_[unit], there = placement_[other];
      if (!problem_.allowed(unit, there) || !problem_.allowed(other, here)) return;
      placement_[unit] = there, placement_[other] = here;
    } else {
      const size_t end = std::min<size_t>(placement_.size(), unit + 1 + rng_.below(9));
      for (UnitId next = unit; next < end; ++next) put(next, device);
    }
  }

  const Problem& problem_;
  const uint64_t most_;
  Evaluator evaluator_;
  base::Rng rng_;
  std::vector<std::set<UnitId>> neighbours_;
  std::vector<UnitId> movable_;
  UnitPlacement placement_;
  Score best_;
  double start_ps_ = 1;
};

}  // namespace

Score plain_annealing(const Problem& problem, uint64_t evaluations, uint64_t seed) {
  return PlainAnnealing(problem, evaluations, seed).run();
}

}  // namespace allot::bench
