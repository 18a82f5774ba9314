// SPDX-License-Identifier: Apache-2.0
// Time of every op on every device.
#pragma once

#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

#include "cluster/cluster.h"
#include "cost/op_cost.h"
#include "graph/op_graph.h"

namespace allot::cost {

constexpr int64_t kCannotRun = std::numeric_limits<int64_t>::max();
constexpr int kModelVersion = 2;  // raised whenever a formula or default changes predictions

struct CostTable {
  uint32_t devices = 0;
  std::vector<int64_t> time_ps;          // [op * devices + device], >= 0, or kCannotRun
  std::vector<int64_t> workspace_bytes;  // by op: held while it runs
  std::vector<int64_t> resident_bytes;   // by op: held from start to end, beyond its parameters
  std::vector<int64_t> tensor_bytes;     // by tensor, overrides applied
  std::vector<OpCost> ops;               // by op; empty for generated graphs
  std::vector<char> measured;            // by op: its times came from a table

  int64_t time(graph::OpId op, cluster::DeviceId device) const { return time_ps[op * size_t{devices} + device]; }
};

/// Roofline (onnx-and-cost 6.5), in picoseconds:
///   cold * launches * overhead + max(mac / (peak * efficiency(mac)) + vector / vector peak, cold * bytes / bandwidth)
/// with the class's own overhead where it has one; without products the vector peak counts by the class's efficiency.
/// That overhead, or 0, for an op of class alias; kCannotRun for a host-only op on a device of another kind than cpu;
/// at most 2^58 (3 days). Float32 products run at the tf32 peak where there is one, as ONNX Runtime's CUDA provider
/// does by default; a precision without a peak of its own takes the next wider one that has, at last the vector peak.
/// cold = (working set of the run, at most 64 MiB / 16 MiB) ^ locality: cache misses follow a power of what a run
/// touches (Hartstein et al., Cache miss behavior: is it sqrt(2)?, Computing Frontiers 2006).
int64_t roofline_ps(const OpCost& cost, const cluster::Device& device);

/// Whether the device's deny list names the operator type ("Conv", "com.microsoft.FusedConv"). An entry is a type,
/// or a prefix that ends in '*': "ai.onnx.ml.*", "Sequence*".
bool denies(const cluster::Device& device, std::string_view type);

/// The devices that can run a main-graph node, bit d for device d: for BuildOptions::runs_on.
uint64_t runs_on(const graph::PlanningModel& planning, ir::NodeId node, const cluster::Cluster& cluster);

/// Times by roofline_ps, kCannotRun where the device denies the op's type. costs [num_ops], from op_costs.
/// Errors: those of require_sane_totals.
CostTable make_table(const graph::OpGraph& graph, std::vector<OpCost> costs, const cluster::Cluster& cluster);

/// A table from plain numbers, for generated graphs: time_ps [op * devices + device].
CostTable table_from(const graph::OpGraph& graph, uint32_t devices, std::vector<int64_t> time_ps);

/// Applies an `allot.costs/1` file (docs/formats.md): its columns name devices or kinds; where both fit a device the
/// name wins, and a device without column keeps its predictions. Returns how many ops matched.
/// Ops and tensors inside bodies of control flow (scoped names) have no place in the graph: they count as unmatched.
/// Errors: malformed (schema, unknown keys, wrong lengths, negative or absurd figures), config when no op of the
/// file is in the graph, one of its names fits several nodes, or a column names no device. A warning counts the
/// unmatched entries and lists the first.
size_t apply_overrides(CostTable& table, const graph::OpGraph& graph, const cluster::Cluster& cluster,
                       const std::string& path);

/// Throws malformed, naming op or tensor, when all ops together would take the slowest device more than 2^61 ps (26
/// days) or all tensors more than 2^61 bytes: a size must be wrong, and no sum over ops can overflow.
void require_sane_totals(const CostTable& table, const graph::OpGraph& graph);

/// Throws unavailable naming the op, its type and the remedy if no device can run it.
void require_runnable(const CostTable& table, const graph::OpGraph& graph, const cluster::Cluster& cluster);

/// SHA-256 over times, sizes and kModelVersion.
std::string hash(const CostTable& table);

}  // namespace allot::cost
