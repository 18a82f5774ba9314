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

/// How often a transfer may take its whole time: leg by leg, or at a rate that was rounded down.
double passes(const cluster::Cluster& cluster) {
  const cluster::Simulation& rules = cluster.simulation;
  if (rules.contention == cluster::Contention::share) return 2;
  if (rules.forwarding == cluster::Forwarding::cut_through) return 1;
  size_t legs = rules.contention == cluster::Contention::port ? 2 : 1;
  for (const cluster::Route& route : cluster.routes) legs = std::max(legs, route.links.size());
  return static_cast<double>(legs);
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
  const cluster::Simulation& rules = cluster.simulation;
  ALLOT_ASSERT(rules.send == cluster::Send::per_device || rules.forwarding == cluster::Forwarding::cut_through);
  const SlowestWire wire = slowest_wire(cluster);
  const double gap_ps = static_cast<double>(cluster.simulation.transfer_gap_ps), legs = passes(cluster);
  double time_ps = static_cast<double>(cluster.simulation.op_gap_ps) * graph.num_ops();
  double bytes = sum(graph.param_bytes) * cluster.size() + sum(costs.workspace_bytes) + sum(costs.resident_bytes);
  for (const int64_t time : costs.time_ps) time_ps += time == cost::kCannotRun ? 0 : static_cast<double>(time);
  for (graph::TensorId tensor = 0; tensor < graph.num_tensors(); ++tensor) {
    const double copies = most_copies(graph, tensor, cluster.size());
    const auto size = static_cast<double>(costs.tensor_bytes[tensor]);
    bytes += (copies + 1) * size;
    if (copies > 0) time_ps += copies * legs * (wire.latency_ps + size * wire.ps_per_byte + gap_ps);
  }
  constexpr double kMost = 4.6e18;  // half of what an int64_t holds
  if (time_ps < kMost && bytes < kMost) return;
  throw base::Error(base::ErrorKind::malformed, cluster.path,
                    "the times or sizes of this graph on this cluster are too large to simulate",
                    "check the model's dimensions and the units of times, latencies and bandwidths");
}

}  // namespace allot::sim
