// SPDX-License-Identifier: Apache-2.0
#include "place/objective.h"

#include <algorithm>
#include <array>

#include "base/error.h"

namespace allot::place {
namespace {

using cluster::DeviceId;

constexpr std::array<std::string_view, 4> kNames = {"latency", "throughput", "devices", "memory"};
constexpr double kMillion = 1e6;

/// Adds up how long each channel is held.
class ChannelLoads {
 public:
  ChannelLoads(const cost::CostTable& costs, const cluster::Cluster& cluster)
      : costs_(costs), cluster_(cluster), loads_ps_(cluster.num_channels, 0) {}

  void send(graph::TensorId tensor, DeviceId from, DeviceId to) {
    const int64_t time_ps = cluster_.transfer_ps(from, to, costs_.tensor_bytes[tensor]);
    for (const uint32_t channel : cluster_.route(from, to).channels) loads_ps_[channel] += time_ps;
  }
  int64_t most() const { return loads_ps_.empty() ? 0 : *std::max_element(loads_ps_.begin(), loads_ps_.end()); }

 private:
  const cost::CostTable& costs_;
  const cluster::Cluster& cluster_;
  std::vector<int64_t> loads_ps_;
};

}  // namespace

std::string_view name(Objective objective) { return kNames[static_cast<size_t>(objective)]; }

std::vector<std::string> objective_names() { return {kNames.begin(), kNames.end()}; }

Objective parse_objective(std::string_view text) {
  const auto found = std::find(kNames.begin(), kNames.end(), text);
  if (found == kNames.end())
    throw base::Error(base::ErrorKind::usage, "objective", fmt::format("unknown: '{}'", base::printable(text)),
                      base::suggestion(text, objective_names()));
  return static_cast<Objective>(found - kNames.begin());
}

int64_t steady_interval_ps(std::span<const DeviceId> placement, const graph::OpGraph& graph,
                           const cost::CostTable& costs, const cluster::Cluster& cluster) {
  std::vector<int64_t> busy_ps(cluster.size(), 0);
  for (graph::OpId op = 0; op < graph.num_ops(); ++op) busy_ps[placement[op]] += costs.time(op, placement[op]);
  if (cluster.simulation.contention == cluster::Contention::free) return *std::max_element(busy_ps.begin(), busy_ps.end());

  ChannelLoads channels(costs, cluster);
  for (graph::TensorId tensor = 0; tensor < graph.num_tensors(); ++tensor) {
    const graph::OpId producer = graph.producer[tensor];
    if (producer == graph::kNone && !cluster.io_device) continue;  // is everywhere
    const DeviceId home = producer == graph::kNone ? *cluster.io_device : placement[producer];
    uint64_t sent = uint64_t{1} << home;
    const auto send = [&](DeviceId to) {
      if (sent >> to & 1) return;
      sent |= uint64_t{1} << to;
      channels.send(tensor, home, to);
    };
    for (const graph::OpId consumer : graph.consumers[tensor]) send(placement[consumer]);
    if (graph.is_output[tensor] && cluster.io_device) send(*cluster.io_device);
  }
  return std::max(*std::max_element(busy_ps.begin(), busy_ps.end()), channels.most());
}

int64_t objective_value(Objective objective, const sim::Outcome& outcome, std::span<const DeviceId> placement,
                        const graph::OpGraph& graph, const cost::CostTable& costs, const cluster::Cluster& cluster) {
  switch (objective) {
    case Objective::latency:
      return outcome.makespan_ps;
    case Objective::throughput:
      return steady_interval_ps(placement, graph, costs, cluster);
    case Objective::devices: {
      uint64_t used = 0;
      for (const DeviceId device : placement) used |= uint64_t{1} << device;
      return __builtin_popcountll(used);
    }
    case Objective::memory:
      break;
  }
  double largest = 0;
  for (DeviceId device = 0; device < cluster.size(); ++device) {
    const double capacity = static_cast<double>(std::max<int64_t>(1, cluster.devices[device].usable_bytes()));
    largest = std::max(largest, static_cast<double>(outcome.peak_bytes[device]) / capacity);
  }
  return static_cast<int64_t>(largest * kMillion);
}

}  // namespace allot::place
