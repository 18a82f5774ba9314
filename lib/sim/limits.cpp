// SPDX-License-Identifier: Apache-2.0
#include "sim/limits.h"

#include <algorithm>

#include "base/error.h"

namespace allot::sim {
namespace {

struct SlowestWire {
  double latency_ps = 0, ps_per_byte = 0;
};

SlowestWire slowest_wire(const cluster::Cluster& cluster) {
  SlowestWire slowest;
  for (size_t pair = 0; pair < cluster.routes.size(); ++pair) {
    if (pair % (cluster.size() + 1) == 0) continue;  // from a device to itself
    const cluster::Route& route = cluster.routes[pair];
    slowest.latency_ps = std::max(slowest.latency_ps, static_cast<double>(route.latency_ps));
    if (!route.channels.empty())
      slowest.ps_per_byte = std::max(slowest.ps_per_byte, 1e12 / route.bandwidth_bytes_per_s);
  }
  return slowest;
}

/// Rules that no engine plays yet.
void require_known_rules(const cluster::Cluster& cluster) {
  const cluster::Simulation& rules = cluster.simulation;
  const bool known =
      rules == cluster::Simulation{} || rules == cluster::Simulation{.contention = cluster::Contention::free};
  for (const cluster::Device& device : cluster.devices)
    if (!known || device.streams != 1 || device.copy_engines != 0)
      throw base::Error(base::ErrorKind::unavailable, cluster.path, "these simulation rules are not available",
                        "use contention: link or free, queue: fifo, one stream and no copy engines");
}

double sum(const std::vector<int64_t>& numbers) {
  double total = 0;
  for (const int64_t number : numbers) total += static_cast<double>(number);
  return total;
}

}  // namespace

void require_simulable(const graph::OpGraph& graph, const cost::CostTable& costs, const cluster::Cluster& cluster) {
  ALLOT_ASSERT(cluster.size() > 0 && cluster.size() <= kMaxDevices && costs.devices == cluster.size());
  ALLOT_ASSERT(costs.time_ps.size() == size_t{graph.num_ops()} * costs.devices);
  ALLOT_ASSERT(costs.tensor_bytes.size() == graph.num_tensors());
  ALLOT_ASSERT(costs.workspace_bytes.size() == graph.num_ops() && costs.resident_bytes.size() == graph.num_ops());
  require_known_rules(cluster);
  const SlowestWire wire = slowest_wire(cluster);
  double time_ps = 0;
  double bytes = sum(graph.param_bytes) * cluster.size() + sum(costs.workspace_bytes) + sum(costs.resident_bytes);
  for (const int64_t time : costs.time_ps) time_ps += time == cost::kCannotRun ? 0 : static_cast<double>(time);
  for (graph::TensorId tensor = 0; tensor < graph.num_tensors(); ++tensor) {
    const double copies = most_copies(graph, tensor, cluster.size());
    const auto size = static_cast<double>(costs.tensor_bytes[tensor]);
    bytes += (copies + 1) * size;
    if (copies > 0) time_ps += copies * (wire.latency_ps + size * wire.ps_per_byte);
  }
  constexpr double kMost = 4.6e18;  // half of what an int64_t holds
  if (time_ps < kMost && bytes < kMost) return;
  throw base::Error(base::ErrorKind::malformed, cluster.path,
                    "the times or sizes of this graph on this cluster are too large to simulate",
                    "check the model's dimensions and the units of times, latencies and bandwidths");
}

}  // namespace allot::sim
