// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <numeric>

#include "place/idle_gaps.h"
#include "place/methods.h"

namespace allot::place {
namespace {

using graph::kNone;
using graph::TensorId;

/// Mean transfer between two devices drawn with replacement, as a function of size.
struct MeanTransfer {
  double latency_ps = 0, ps_per_byte = 0;

  explicit MeanTransfer(const cluster::Cluster& cluster) {
    for (DeviceId from = 0; from < cluster.size(); ++from) {
      for (DeviceId to = 0; to < cluster.size(); ++to) {
        const cluster::Route& route = cluster.route(from, to);
        if (from == to || !route.reachable) continue;
        latency_ps += static_cast<double>(route.latency_ps);
        if (!route.channels.empty()) ps_per_byte += 1e12 / route.bandwidth_bytes_per_s;
      }
    }
    const double pairs = static_cast<double>(cluster.size()) * cluster.size();
    latency_ps /= pairs;
    ps_per_byte /= pairs;
  }
  double operator()(int64_t bytes) const { return latency_ps + ps_per_byte * static_cast<double>(bytes); }
};

double mean_time_ps(const Problem& problem, OpId op) {
  double sum = 0;
  const auto choices = problem.choices(problem.graph().unit_of[op]);
  for (const DeviceId device : choices) sum += static_cast<double>(problem.costs().time(op, device));
  return sum / static_cast<double>(choices.size());
}

/// Mean length of the longest path from the start of each op to the end of the graph, transfers included.
std::vector<double> upward_ranks(const Problem& problem) {
  const auto& graph = problem.graph();
  const MeanTransfer transfer(problem.cluster());
  std::vector<double> rank(graph.num_ops());
  for (OpId op = graph.num_ops(); op-- > 0;) {
    double longest = 0;
    for (const TensorId tensor : graph.outputs[op]) {
      const double sent = transfer(problem.costs().tensor_bytes[tensor]);
      for (const OpId consumer : graph.consumers[tensor]) longest = std::max(longest, sent + rank[consumer]);
    }
    rank[op] = mean_time_ps(problem, op) + longest;
  }
  return rank;
}

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

UnitPlacement place_heft(const Problem& problem, const Budget&) {
  const std::vector<double> rank = upward_ranks(problem);
  std::vector<OpId> order(problem.graph().num_ops());
  std::iota(order.begin(), order.end(), 0u);
  // Ties by id keep the order topological: a producer ranks no lower than its consumers.
  std::stable_sort(order.begin(), order.end(), [&](OpId a, OpId b) { return rank[a] > rank[b]; });
  Schedule schedule(problem);
  for (const OpId op : order) schedule.add(op);
  return schedule.take();
}

}  // namespace allot::place
