// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <numeric>

#include "place/idle_gaps.h"
#include "place/methods.h"
#include "place/ranks.h"
#include "place/repair.h"
#include "place/stop.h"

namespace allot::place {
namespace {

using graph::kNone;
using graph::TensorId;

/// Schedules ops by decreasing rank. The first op of a unit decides for all of it, by when the whole unit could end.
class Schedule {
 public:
  explicit Schedule(const Problem& problem)
      : problem_(problem),
        placement_(problem.graph().num_units(), kNone),
        end_ps_(problem.graph().num_ops()),
        timetables_(problem.devices()) {}

  void add(OpId op) {
    const UnitId unit = problem_.graph().unit_of[op];
    if (placement_[unit] == kNone) placement_[unit] = choose(op, unit);
    const DeviceId device = placement_[unit];
    const int64_t start_ps = earliest_ps(op, device);
    timetables_[device].book(start_ps, problem_.costs().time(op, device));
    end_ps_[op] = start_ps + problem_.costs().time(op, device);
  }

  UnitPlacement take() { return std::move(placement_); }

 private:
  DeviceId choose(OpId op, UnitId unit) const {
    DeviceId best = kNone;
    int64_t best_ps = 0;
    for (const DeviceId device : problem_.choices(unit)) {
      const int64_t end_ps = earliest_ps(op, device) + problem_.unit_time_ps(unit, device);
      if (best == kNone || end_ps < best_ps) best = device, best_ps = end_ps;
    }
    return best;
  }

  int64_t earliest_ps(OpId op, DeviceId device) const {
    const auto& graph = problem_.graph();
    const auto& cluster = problem_.cluster();
    int64_t ready_ps = 0;
    for (const TensorId tensor : graph.inputs[op]) {
      const OpId producer = graph.producer[tensor];
      const DeviceId home =
          producer == kNone ? cluster.io_device.value_or(device) : placement_[graph.unit_of[producer]];
      const int64_t made_ps = producer == kNone ? 0 : end_ps_[producer];
      ready_ps = std::max(ready_ps, made_ps + cluster.transfer_ps(home, device, problem_.costs().tensor_bytes[tensor]));
    }
    return timetables_[device].earliest(ready_ps, problem_.costs().time(op, device));
  }

  const Problem& problem_;
  UnitPlacement placement_;
  std::vector<int64_t> end_ps_;
  std::vector<IdleGaps> timetables_;  // by device
};

}  // namespace

UnitPlacement place_heft(const Problem& problem, const Budget& budget) {
  const std::vector<double> rank = upward_ranks(problem);
  std::vector<OpId> order(problem.graph().num_ops());
  std::iota(order.begin(), order.end(), 0u);
  // Ties by id keep the order topological: a producer ranks no lower than its consumers.
  std::stable_sort(order.begin(), order.end(), [&](OpId a, OpId b) { return rank[a] > rank[b]; });
  Schedule schedule(problem);
  for (const OpId op : order) {
    end_if_stopped(budget);
    schedule.add(op);
  }
  return repaired(problem, schedule.take(), budget);
}

}  // namespace allot::place
