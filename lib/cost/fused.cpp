// SPDX-License-Identifier: Apache-2.0
#include "cost/fused.h"

#include <algorithm>
#include <string_view>

#include "cost/context.h"

namespace allot::cost {
namespace {

using cluster::OpClass;
using graph::OpId;
using graph::TensorId;

/// A kernel's own class; that of the main op where it says more than the kernel's name (depthwise convolutions).
OpClass class_of(const std::string& kernel, const OpCost& main) {
  const Row* row = find_row(kernel);
  const bool elementwise = main.op_class == OpClass::elementwise || main.op_class == OpClass::alias;
  return row && elementwise ? row->op_class : main.op_class;
}

void take_off(int64_t& bytes, int64_t part) { bytes = std::max<int64_t>(0, bytes - part); }

void add(OpCost& main, const OpCost& member) {
  main.mac_flops += member.mac_flops;
  main.vector_ops += member.vector_ops;
  main.bytes_read += member.bytes_read;
  main.bytes_written += member.bytes_written;
  main.workspace_bytes = std::max(main.workspace_bytes, member.workspace_bytes);
  main.launches = std::max(main.launches, member.launches);
  main.host_only |= member.host_only;
}

void vanish(OpCost& cost) {
  const bool host_only = cost.host_only;
  cost = {};
  cost.launches = 0;
  cost.op_class = OpClass::control;  // of no launches: nothing
  cost.host_only = host_only;
}

}  // namespace

void fuse_costs(std::vector<OpCost>& costs, std::vector<int64_t>& tensor_bytes, const graph::OpGraph& graph,
                const graph::Fusion& fusion) {
  const auto& main_of = fusion.main_of;
  std::vector<TensorId> read_last(graph.num_ops(), graph::kNone);  // by main: to count a tensor once a group
  for (TensorId tensor = 0; tensor < graph.num_tensors(); ++tensor) {
    const OpId maker = graph.producer[tensor], home = maker == graph::kNone ? graph::kNone : main_of[maker];
    bool inside = home != graph::kNone && !graph.is_output[tensor] && !graph.consumers[tensor].empty();
    for (const OpId reader : graph.consumers[tensor]) {
      const OpId main = main_of[reader];
      inside &= main == home;
      if (main == home || read_last[main] == tensor) take_off(costs[reader].bytes_read, tensor_bytes[tensor]);
      read_last[main] = tensor;
    }
    if (!inside) continue;
    take_off(costs[maker].bytes_written, tensor_bytes[tensor]);
    tensor_bytes[tensor] = 0;
  }
  for (OpId op = 0; op < graph.num_ops(); ++op) {
    const OpId main = main_of[op];
    if (main == op) continue;
    costs[main].op_class = class_of(fusion.kernel[main], costs[main]);
    if (fusion.kernel[main].starts_with("com.microsoft.QLinear")) costs[main].precision = cluster::Precision::int8;
    add(costs[main], costs[op]);
    vanish(costs[op]);
  }
}

CostTable fuse_table(CostTable table, const graph::OpGraph& graph, const graph::Fusion& fusion,
                     const cluster::Cluster& cluster) {
  auto costs = table.ops;
  fuse_costs(costs, table.tensor_bytes, graph, fusion);
  CostTable fused = make_table(graph, std::move(costs), cluster);
  for (OpId op = 0; op < graph.num_ops(); ++op) {
    if (!table.measured[op]) continue;
    fused.measured[op] = true;
    fused.workspace_bytes[op] = table.workspace_bytes[op];
    for (cluster::DeviceId device = 0; device < table.devices; ++device)
      fused.time_ps[op * size_t{table.devices} + device] = table.time(op, device);
  }
  fused.tensor_bytes = std::move(table.tensor_bytes);
  fused.resident_bytes = std::move(table.resident_bytes);
  return fused;
}

graph::Fusion within_devices(graph::Fusion fusion, const graph::OpGraph& graph,
                             std::span<const cluster::DeviceId> placement) {
  std::vector<char> whole(graph.num_ops(), true);
  for (OpId op = 0; op < graph.num_ops(); ++op)
    if (placement[op] != placement[fusion.main_of[op]]) whole[fusion.main_of[op]] = false;
  for (OpId op = 0; op < graph.num_ops(); ++op) {
    if (whole[fusion.main_of[op]]) continue;
    fusion.main_of[op] = op;
    fusion.kernel[op] = graph.type_names[graph.type[op]];
  }
  return fusion;
}

}  // namespace allot::cost
