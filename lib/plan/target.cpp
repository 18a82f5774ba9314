// SPDX-License-Identifier: Apache-2.0
#include "plan/target.h"

#include <algorithm>

#include "base/error.h"
#include "cost/fused.h"
#include "sim/simulator.h"

namespace allot::plan {
namespace {

using base::Error;
using base::ErrorKind;
using cluster::DeviceId;

/// Why one session cannot drive the cluster.
std::optional<Error> obstacle(const cluster::Cluster& cluster) {
  for (DeviceId b = 0; b < cluster.size(); ++b)
    for (DeviceId a = 0; a < b; ++a)
      if (!cluster.devices[a].ort.provider.empty() &&
          cluster.devices[a].ort.provider == cluster.devices[b].ort.provider)
        return Error(ErrorKind::unavailable, base::printable(cluster.path),
                     fmt::format("'{}' and '{}' both belong to {}, of which a session has one", cluster.devices[a].name,
                                 cluster.devices[b].name, base::printable(cluster.devices[a].ort.provider)),
                     "leave one of them out, or place without --target and split the model by device");
  for (const auto& device : cluster.devices)
    if (device.ort.provider.empty())
      return Error(ErrorKind::unavailable, base::printable(cluster.path),
                   fmt::format("'{}' has no execution provider", device.name), "name one with ort: {provider: ...}");
  const auto is_cpu = [](const auto& device) { return device.kind == "cpu"; };
  if (std::none_of(cluster.devices.begin(), cluster.devices.end(), is_cpu))
    return Error(ErrorKind::config, base::printable(cluster.path), "has no host", "add a device of kind cpu");
  return std::nullopt;
}

}  // namespace

cluster::Cluster as_ort_session(cluster::Cluster cluster) {
  if (const auto error = obstacle(cluster)) throw *error;
  if (cluster.simulation.semantics != cluster::Semantics::ort) cluster.simulation = *cluster::simulation_preset("ort");
  if (cluster.io_device) return cluster;
  const auto host = std::find_if(cluster.devices.begin(), cluster.devices.end(),
                                 [](const auto& device) { return device.kind == "cpu"; });
  cluster.io_device = static_cast<DeviceId>(host - cluster.devices.begin());
  return cluster;
}

std::optional<int64_t> ort_makespan_ps(const Input& input, const std::vector<DeviceId>& placement) {
  const auto& problem = *input.problem;
  const auto& graph = problem.graph();
  if (problem.cluster().simulation.semantics == cluster::Semantics::ort || obstacle(problem.cluster())) return {};
  if (graph.num_ops() != input.built.graph.num_ops()) return {};
  const cluster::Cluster cluster = as_ort_session(problem.cluster());
  const auto fusion = cost::within_devices(graph::fuse(input.planning, graph), graph, placement);
  const auto table = cost::fuse_table(problem.costs(), graph, fusion, cluster);
  sim::Simulator simulator(graph, table, cluster);
  return simulator.run(placement, {.memory = false}).makespan_ps;
}

}  // namespace allot::plan
