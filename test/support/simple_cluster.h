// SPDX-License-Identifier: Apache-2.0
// Clusters and cost tables from plain numbers, for tests.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "cluster/cluster.h"
#include "cost/cost_table.h"
#include "graph/op_graph.h"

namespace allot::test {

struct ClusterOptions {
  uint32_t devices = 2;
  int64_t latency_ps = 0;
  double bytes_per_s = 1e12;  // a byte a picosecond
  bool full_duplex = true;
  int64_t memory_bytes = int64_t{1} << 50, align_bytes = 1;
  std::optional<cluster::DeviceId> io_device = std::nullopt;
  cluster::Contention contention = cluster::Contention::link;
};

/// One private wire a pair of devices.
inline cluster::Cluster simple_cluster(const ClusterOptions& options = {}) {
  cluster::Cluster result;
  result.io_device = options.io_device;
  result.simulation.contention = options.contention;
  for (uint32_t i = 0; i < options.devices; ++i) {
    cluster::Device device;
    device.name = "d" + std::to_string(i);
    device.kind = "cpu";
    device.memory_bytes = options.memory_bytes;
    device.align_bytes = options.align_bytes;
    result.devices.push_back(device);
  }
  result.routes.resize(size_t{options.devices} * options.devices);
  for (uint32_t a = 0; a < options.devices; ++a) {
    result.routes[a * options.devices + a].reachable = true;
    for (uint32_t b = a + 1; b < options.devices; ++b) {
      const auto link = static_cast<uint32_t>(result.links.size());
      result.links.push_back(
          {"", options.bytes_per_s, options.latency_ps, options.full_duplex, options.full_duplex ? 2u : 1u});
      const uint32_t there = result.num_channels++, back = options.full_duplex ? result.num_channels++ : there;
      const auto route = [&](uint32_t channel) {
        return cluster::Route{true, {link}, {channel}, options.latency_ps, options.bytes_per_s};
      };
      result.routes[a * options.devices + b] = route(there);
      result.routes[b * options.devices + a] = route(back);
    }
  }
  return result;
}

/// time_ps [op * devices + device]; no workspace, nothing resident.
inline cost::CostTable simple_costs(const graph::OpGraph& graph, uint32_t devices, std::vector<int64_t> time_ps) {
  cost::CostTable table;
  table.devices = devices;
  table.time_ps = std::move(time_ps);
  table.workspace_bytes.assign(graph.num_ops(), 0);
  table.resident_bytes.assign(graph.num_ops(), 0);
  table.tensor_bytes = graph.tensor_bytes;
  table.measured.assign(graph.num_ops(), 0);
  return table;
}

/// The same time on every device, by op.
inline cost::CostTable uniform_costs(const graph::OpGraph& graph, uint32_t devices, const std::vector<int64_t>& op_ps) {
  std::vector<int64_t> time_ps;
  for (const int64_t time : op_ps) time_ps.insert(time_ps.end(), devices, time);
  return simple_costs(graph, devices, std::move(time_ps));
}

}  // namespace allot::test
