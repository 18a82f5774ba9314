// SPDX-License-Identifier: Apache-2.0
// Time of every op on every device.
#pragma once

#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "cluster/cluster.h"
#include "cost/op_cost.h"
#include "graph/op_graph.h"

namespace allot::cost {

constexpr int64_t kCannotRun = std::numeric_limits<int64_t>::max();
constexpr int kModelVersion = 1;   // raised whenever a formula or default changes predictions

struct CostTable {
  uint32_t devices = 0;
  std::vector<int64_t> time_ps;         // [op * devices + device], >= 0, or kCannotRun
  std::vector<int64_t> workspace_bytes; // by op: held while it runs
  std::vector<int64_t> resident_bytes;  // by op: held from start to end, beyond its parameters
  std::vector<int64_t> tensor_bytes;    // by tensor, overrides applied
  std::vector<OpCost> ops;              // by op; empty for generated graphs
  std::vector<char> measured;           // by op: its times came from a table

  int64_t time(graph::OpId op, cluster::DeviceId device) const { return time_ps[op * size_t{devices} + device]; }
};

/// Roofline (onnx-and-cost 6.5): overhead + max(mac / (peak * efficiency(mac)) + vector / peak, bytes / bandwidth),
/// in picoseconds; 0 for an op of class alias; kCannotRun where the device denies the type.
int64_t roofline_ps(const OpCost& cost, const cluster::Device& device);

CostTable make_table(const graph::OpGraph& graph, std::vector<OpCost> costs, const cluster::Cluster& cluster);

/// A table from plain numbers, for generated graphs: time_ps [op * devices + device].
CostTable table_from(const graph::OpGraph& graph, uint32_t devices, std::vector<int64_t> time_ps);

/// Applies an `allot.costs/1` file (design 3): its columns name devices or kinds. Returns how many ops matched.
/// Errors: malformed (schema, unknown keys, wrong lengths, negative or non-finite times), config when no op of the
/// file is in the graph or a column names no device; a warning lists the first unmatched ops.
size_t apply_overrides(CostTable& table, const graph::OpGraph& graph, const cluster::Cluster& cluster,
                       const std::string& path);

/// Throws unavailable naming the op, its type and the remedy if no device can run it.
void require_runnable(const CostTable& table, const graph::OpGraph& graph, const cluster::Cluster& cluster);

/// SHA-256 over times, sizes and kModelVersion.
std::string hash(const CostTable& table);

}  // namespace allot::cost
