// SPDX-License-Identifier: Apache-2.0
#include "place/windows.h"

#include <algorithm>
#include <numeric>

#include "place/methods.h"
#include "place/part.h"

namespace allot::place {
namespace {

constexpr size_t kDecided = 400, kBefore = 200, kAhead = 400;  // ops of a window
constexpr double kMostSpent = 0.7;                             // of the budget, when a sweep begins

class Sweep {
 public:
  Sweep(const Problem& problem, const Budget& budget, Search& search)
      : problem_(problem), budget_(budget), search_(search), placement_(search.best()) {
    const sim::Outcome outcome = Evaluator(problem).outcome(placement_, true);
    search.spend(1);
    order_.resize(problem.graph().num_ops());
    std::iota(order_.begin(), order_.end(), OpId{0});
    std::stable_sort(order_.begin(), order_.end(),
                     [&](OpId a, OpId b) { return outcome.start_ps[a] < outcome.start_ps[b]; });
    held_bytes_ = outcome.param_bytes;
  }

  /// Until part `end` of the budget is spent. Whether that gave a better placement.
  bool run(double end) {
    for (size_t begin = 0; begin < order_.size() && !search_.over(); begin += kDecided) {
      const size_t windows = (order_.size() - begin - 1) / kDecided + 1;
      decide(begin, std::max(0.0, end - search_.spent()) / static_cast<double>(windows));
    }
    const Score before = search_.best_score();
    return search_.score(placement_) < before;
  }

 private:
  /// Anneals the window that begins with the op at `begin` of the order, for `share` of the budget.
  void decide(size_t begin, double share) {
    const size_t ahead = std::min(order_.size() - begin, kDecided + kAhead), behind = std::min(begin, kBefore);
    const auto window = std::span<const OpId>(order_).subspan(begin, ahead);
    const Part part = cut_out(problem_, std::span<const OpId>(order_).subspan(begin - behind, behind), window,
                              placement_, held_bytes_);
    UnitPlacement start = best_start_of(part);
    const UnitPlacement found = place_anneal(part.problem, budget_of(part, share, begin, start));
    for (UnitId unit = 0; unit < found.size(); ++unit) move(part.units[unit], found[unit]);
  }

  void move(UnitId unit, DeviceId device) {
    if (placement_[unit] == device) return;
    const int64_t bytes = lasting_bytes(problem_, unit);
    held_bytes_[placement_[unit]] -= bytes;
    held_bytes_[device] += bytes;
    placement_[unit] = device;
  }

  UnitPlacement best_start_of(const Part& part) {
    Evaluator evaluator(part.problem);
    UnitPlacement best;
    for (const UnitId unit : part.units) best.push_back(placement_[unit]);
    Score best_score = evaluator.score(best);
    for (const auto& method : {place_heft, place_critical_path, place_m_etf}) {
      UnitPlacement placement = method(part.problem, {});
      if (const Score score = evaluator.score(placement); score < best_score)
        best = std::move(placement), best_score = score;
    }
    spend(part, evaluator.evaluations());
    return best;
  }

  Budget budget_of(const Part& part, double share, size_t begin, const UnitPlacement& start) {
    Budget budget{.seed = budget_.seed + begin, .threads = budget_.threads, .stop = budget_.stop, .start = &start};
    if (budget_.seconds >= 0) budget.seconds = share * budget_.seconds;
    if (budget_.evaluations > 0 || budget_.seconds < 0) {
      const double all = share * static_cast<double>(search_.most_evaluations()) / size_of(part);
      budget.evaluations = std::max<uint64_t>(1, static_cast<uint64_t>(all));
      spend(part, budget.evaluations);
    }
    return budget;
  }

  /// Of the whole.
  double size_of(const Part& part) const {
    return static_cast<double>(part.problem.graph().num_ops()) / problem_.graph().num_ops();
  }
  void spend(const Part& part, uint64_t evaluations) {
    search_.spend(static_cast<double>(evaluations) * size_of(part));
  }

  const Problem& problem_;
  const Budget& budget_;
  Search& search_;
  UnitPlacement placement_;
  std::vector<OpId> order_;          // by start
  std::vector<int64_t> held_bytes_;  // by device: parameters and resident bytes
};

}  // namespace

void search_in_windows(const Problem& problem, const Budget& budget, Search& search) {
  bool better = true;
  while (better && search.spent() < kMostSpent && !search.over())
    better = Sweep(problem, budget, search).run((1 + search.spent()) / 2);
}

}  // namespace allot::place
