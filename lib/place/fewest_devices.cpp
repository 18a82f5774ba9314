// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <chrono>
#include <optional>

#include "base/stopped.h"
#include "place/methods.h"
#include "place/repair.h"

namespace allot::place {
namespace {

/// Devices that some unit cannot do without, then the others, those with most memory first.
std::vector<DeviceId> by_need(const Problem& problem) {
  std::vector<char> needed(problem.devices(), 0);
  for (UnitId unit = 0; unit < problem.graph().num_units(); ++unit)
    if (problem.choices(unit).size() == 1) needed[problem.choices(unit).front()] = 1;
  std::vector<DeviceId> order(problem.devices());
  for (DeviceId device = 0; device < order.size(); ++device) order[device] = device;
  const auto rank = [&](DeviceId device) {
    return std::pair(!needed[device], -problem.cluster().devices[device].usable_bytes());
  };
  std::stable_sort(order.begin(), order.end(), [&](DeviceId a, DeviceId b) { return rank(a) < rank(b); });
  return order;
}

/// The same problem, for latency, on some of the devices. Nothing if a unit has none of them.
std::optional<Problem> restricted(const Problem& problem, std::span<const DeviceId> devices) {
  cost::CostTable costs = problem.costs();
  std::fill(costs.time_ps.begin(), costs.time_ps.end(), cost::kCannotRun);
  const auto& graph = problem.graph();
  for (UnitId unit = 0; unit < graph.num_units(); ++unit) {
    bool any = false;
    for (const DeviceId device : devices) {
      if (!problem.allowed(unit, device)) continue;
      any = true;
      for (const OpId op : graph.members[unit])
        costs.time_ps[op * size_t{costs.devices} + device] = problem.costs().time(op, device);
    }
    if (!any) return std::nullopt;
  }
  Problem result(graph, problem.cluster(), std::move(costs));
  result.set_weight(problem.weight());
  for (const auto& [weight, other] : problem.others()) {
    auto same = restricted(*other, devices);
    if (!same) return std::nullopt;
    result.also_serve(std::make_shared<const Problem>(*std::move(same)), weight);
  }
  return result;
}

/// Runs "auto" on parts of a budget.
class Spender {
 public:
  Spender(const Problem& problem, const Budget& budget)
      : budget_(budget),
        evaluations_(budget.evaluations > 0 ? budget.evaluations
                     : budget.seconds < 0   ? default_evaluations(problem)
                                            : 0) {}

  /// Uses up to `part` of what is left.
  MethodResult place(const Problem& problem, double part) {
    Budget budget = budget_;
    budget.start = nullptr;
    budget.progress = nullptr;
    budget.improved = nullptr;
    if (evaluations_ > 0) budget.evaluations = std::max<uint64_t>(1, static_cast<uint64_t>(part * left()));
    if (budget_.seconds >= 0) budget.seconds = part * std::max(0.0, budget_.seconds - elapsed_s());
    Comparison all = compare(problem, "auto", budget);
    for (const MethodResult& method : all.methods) spent_ += method.evaluations;
    if (budget_.progress) budget_.progress(spent_, all.methods[all.best].score);
    return std::move(all.methods[all.best]);
  }

 private:
  double left() const { return evaluations_ > spent_ ? static_cast<double>(evaluations_ - spent_) : 0; }
  double elapsed_s() const { return std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count(); }

  const Budget& budget_;
  const std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
  const uint64_t evaluations_;  // 0: limited by seconds alone
  uint64_t spent_ = 0;
};

}  // namespace

UnitPlacement place_fewest_devices(const Problem& problem, const Budget& budget) {
  constexpr double kToSeeWhetherItFits = 0.25;  // of what is left
  Spender spender(problem, budget);
  const std::vector<DeviceId> order = by_need(problem);
  UnitPlacement best;
  for (size_t count = 1; count <= order.size(); ++count) {
    const auto few = restricted(problem, std::span(order).first(count));
    if (!few || (cannot_fit(*few) && count < order.size())) continue;
    MethodResult result = spender.place(*few, kToSeeWhetherItFits);
    best = std::move(result.placement);
    if (result.score.overflow_bytes > 0) continue;
    try {
      MethodResult longer = spender.place(*few, 1);
      return longer.score < result.score ? std::move(longer.placement) : std::move(best);
    } catch (const base::Stopped&) {
      return best;
    }
  }
  return best;
}

}  // namespace allot::place
