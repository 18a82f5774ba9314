// SPDX-License-Identifier: Apache-2.0
#include "place/host_shapes.h"

#include <algorithm>
#include <string_view>

namespace allot::place {
namespace {

using cluster::DeviceId;
using graph::OpGraph;
using graph::OpId;
using graph::TensorId;

constexpr std::string_view kHost = "cpu";

/// Adds to `told`, ops whose value is on the host wherever they run, those that read nothing else.
void follow(const OpGraph& graph, std::vector<char>& told) {
  for (OpId op = 0; op < graph.num_ops(); ++op) {
    const auto made = [&](TensorId tensor) { return graph.producer[tensor] != graph::kNone; };
    const auto known = [&](TensorId tensor) { return !made(tensor) || told[graph.producer[tensor]]; };
    const auto inputs = graph.inputs[op];
    if (std::all_of(inputs.begin(), inputs.end(), known) && std::any_of(inputs.begin(), inputs.end(), made))
      told[op] = true;
  }
}

/// By op: what it tells is read on another device, by itself or by way of others that are told.
std::vector<char> leaving(const OpGraph& graph, const std::vector<DeviceId>& placement, const std::vector<char>& told) {
  std::vector<char> leaves(graph.num_ops(), false);
  for (OpId op = graph.num_ops(); op-- > 0;) {
    const auto carries_away = [&](OpId reader) { return placement[reader] != placement[op] || leaves[reader]; };
    const auto readers = graph.successors[op];
    leaves[op] = told[op] && std::any_of(readers.begin(), readers.end(), carries_away);
  }
  return leaves;
}

}  // namespace

std::optional<DeviceId> host_of(const cluster::Cluster& cluster) {
  if (cluster.io_device && cluster.devices[*cluster.io_device].kind == kHost) return cluster.io_device;
  for (DeviceId device = 0; device < cluster.size(); ++device)
    if (cluster.devices[device].kind == kHost) return device;
  return std::nullopt;
}

void move_to_host(std::span<const OpId> shapes, const OpGraph& graph, const cluster::Cluster& cluster,
                  std::vector<DeviceId>& placement) {
  const auto on_accelerator = [&](OpId op) { return cluster.devices[placement[op]].kind != kHost; };
  const auto host = host_of(cluster);
  if (!host || std::none_of(shapes.begin(), shapes.end(), on_accelerator)) return;
  std::vector<char> told(graph.num_ops(), false);
  for (const OpId op : shapes) told[op] = on_accelerator(op);
  follow(graph, told);
  const std::vector<char> leaves = leaving(graph, placement, told);
  for (const OpId op : shapes)
    if (on_accelerator(op) && leaves[op]) placement[op] = *host;
}

}  // namespace allot::place
