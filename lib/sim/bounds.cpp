// SPDX-License-Identifier: Apache-2.0
#include "sim/bounds.h"

#include <cmath>
#include <limits>
#include <numeric>

#include "graph/statistics.h"
#include "sim/heads_tails.h"
#include "sim/load_bound.h"
#include "sim/window_bound.h"

namespace allot::sim {

using cluster::DeviceId;
using graph::OpId;

namespace {

constexpr size_t kMostPairs = size_t{1} << 25;  // of an op and a device, for which heads and tails are kept

/// The time of each op on the fastest device that its unit may use.
std::vector<int64_t> fastest_ps(const graph::OpGraph& graph, const cost::CostTable& costs,
                                std::span<const uint64_t> allowed) {
  std::vector<int64_t> result(graph.num_ops(), cost::kCannotRun);
  const int64_t longest = (int64_t{1} << 62) / std::max(1u, graph.num_ops());  // so that no sum overflows
  for (OpId op = 0; op < graph.num_ops(); ++op) {
    for (DeviceId device = 0; device < costs.devices; ++device)
      if (allowed.empty() || (allowed[graph.unit_of[op]] >> device & 1))
        result[op] = std::min(result[op], costs.time(op, device));
    result[op] = result[op] == cost::kCannotRun ? 0 : std::min(result[op], longest);
  }
  return result;
}

Bounds path_and_work(const graph::OpGraph& graph, const std::vector<int64_t>& fastest, int64_t machines) {
  const int64_t work = std::accumulate(fastest.begin(), fastest.end(), int64_t{0});
  Bounds result;
  result.critical_path_ps = graph::critical_path(graph, fastest).length;
  result.work_ps = work / machines + (work % machines != 0);
  if (result.critical_path_ps > 0)
    result.parallelism = static_cast<double>(work) / static_cast<double>(result.critical_path_ps);
  return result;
}

/// What is left of heads and tails without devices, and the longest path that they tell.
std::vector<Span> spans(const graph::OpGraph& graph, const cost::CostTable& costs, const HeadsTails& reach,
                        std::span<const uint64_t> allowed, const std::vector<double>& price, int64_t& path_ps) {
  std::vector<Span> result;
  for (OpId op = 0; op < graph.num_ops(); ++op) {
    constexpr int64_t kMost = std::numeric_limits<int64_t>::max();
    Span span{kMost, kMost, kMost, HUGE_VAL};
    int64_t through_ps = kMost;
    for (DeviceId device = 0; device < costs.devices; ++device) {
      if (!(allowed[graph.unit_of[op]] >> device & 1)) continue;
      const size_t at = op * size_t{costs.devices} + device;
      const int64_t time_ps = costs.time_ps[at];
      span.head_ps = std::min(span.head_ps, reach.head_ps[at]);
      span.duration_ps = std::min(span.duration_ps, time_ps);
      span.tail_ps = std::min(span.tail_ps, reach.tail_ps[at]);
      span.share_ps = std::min(span.share_ps, price[device] * static_cast<double>(time_ps));
      through_ps = std::min(through_ps, reach.head_ps[at] + time_ps + reach.tail_ps[at]);
    }
    path_ps = std::max(path_ps, through_ps);
    result.push_back(span);
  }
  return result;
}

}  // namespace

std::string_view Bounds::binding() const {
  if (best() == critical_path_ps) return "critical path";
  if (best() == work_ps) return "work";
  return best() == path_ps ? "path with transfers" : "work within a window";
}

Bounds bounds(const graph::OpGraph& graph, const cost::CostTable& costs) {
  return path_and_work(graph, fastest_ps(graph, costs, {}), costs.devices);
}

Bounds bounds(const graph::OpGraph& graph, const cost::CostTable& costs, const cluster::Cluster& cluster,
              std::span<const uint64_t> allowed) {
  int64_t machines = 0;
  for (const cluster::Device& device : cluster.devices) machines += std::max(1u, device.streams);
  Bounds result = path_and_work(graph, fastest_ps(graph, costs, allowed), machines);
  const LoadBound load = load_bound(graph, costs, cluster, allowed);
  result.work_ps = std::max(result.work_ps, load.bound_ps);
  if (size_t{graph.num_ops()} * cluster.size() > kMostPairs) return result;
  const HeadsTails reach = heads_tails(graph, costs, cluster, allowed);
  const std::vector<Span> ops = spans(graph, costs, reach, allowed, load.price, result.path_ps);
  result.window_ps = window_bound(ops, static_cast<double>(machines), result.best());
  return result;
}

}  // namespace allot::sim
