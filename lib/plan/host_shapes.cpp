// SPDX-License-Identifier: Apache-2.0
#include "plan/host_shapes.h"

#include <algorithm>
#include <optional>
#include <set>

namespace allot::plan {
namespace {

using cluster::DeviceId;
using graph::OpGraph;
using graph::OpId;
using graph::TensorId;

constexpr std::string_view kHost = "cpu";

std::optional<DeviceId> host_of(const cluster::Cluster& cluster) {
  if (cluster.io_device && cluster.devices[*cluster.io_device].kind == kHost) return cluster.io_device;
  for (DeviceId device = 0; device < cluster.size(); ++device)
    if (cluster.devices[device].kind == kHost) return device;
  return std::nullopt;
}

/// Whether what `teller` tells arrives at an op on another device, directly or through ops that read nothing else.
bool leaves_its_device(const OpGraph& graph, const std::vector<DeviceId>& placement, OpId teller) {
  std::set<OpId> told{teller};
  std::vector<OpId> next{teller};
  const auto reads_nothing_else = [&](OpId op) {
    const auto inputs = graph.inputs[op];
    return std::all_of(inputs.begin(), inputs.end(), [&](TensorId tensor) {
      return graph.producer[tensor] == graph::kNone || told.contains(graph.producer[tensor]);
    });
  };
  while (!next.empty()) {
    const OpId op = next.back();
    next.pop_back();
    for (const OpId reader : graph.successors[op]) {
      if (placement[reader] != placement[teller]) return true;
      if (reads_nothing_else(reader) && told.insert(reader).second) next.push_back(reader);
    }
  }
  return false;
}

}  // namespace

size_t move_shapes_to_host(const OpGraph& graph, const cluster::Cluster& cluster, std::vector<DeviceId>& placement) {
  const auto host = host_of(cluster);
  if (!host) return 0;
  size_t moved = 0;
  for (OpId op = 0; op < graph.num_ops(); ++op) {
    const std::string& type = graph.type_names[graph.type[op]];
    if ((type != "Shape" && type != "Size") || cluster.devices[placement[op]].kind == kHost) continue;
    if (!leaves_its_device(graph, placement, op)) continue;
    placement[op] = *host;
    ++moved;
  }
  return moved;
}

}  // namespace allot::plan
