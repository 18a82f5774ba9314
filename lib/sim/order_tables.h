// SPDX-License-Identifier: Apache-2.0
// What the evaluators of a fixed order know of a problem before they see a placement.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "base/error.h"
#include "cluster/cluster.h"
#include "cost/cost_table.h"
#include "graph/op_graph.h"
#include "sim/transfer_times.h"
#include "sim/wires.h"

namespace allot::sim {

using cluster::DeviceId;

/// The arguments must outlive it.
struct OrderTables {
  /// order [num_ops]: each op once, every producer before its consumers; empty = by id.
  /// Errors: those of require_simulable; internal for another kind of order.
  OrderTables(const graph::OpGraph& graph, const cost::CostTable& costs, const cluster::Cluster& cluster,
              std::span<const graph::OpId> order);

  const graph::OpGraph& graph;
  const cluster::Cluster& cluster;
  const uint32_t devices;
  const Wires wires;
  const TransferTimes transfer_ps;
  uint32_t num_inputs = 0;            // of the graph: the first tensors
  graph::TensorId first_awaited = 0;  // tensors before it are graph inputs that are everywhere
  std::vector<graph::OpId> order;     // position -> op
  std::vector<uint32_t> position;     // op -> position
  std::vector<size_t> times_begin;    // device -> its first in times_ps; equal devices share theirs
  std::vector<int64_t> times_ps;      // by position

  /// Of the op at a position. Errors: internal where it cannot run.
  int64_t duration_ps(uint32_t at, DeviceId device) const {
    const int64_t duration_ps = times_ps[times_begin[device] + at];
    ALLOT_ASSERT(duration_ps != cost::kCannotRun);
    return duration_ps;
  }
  /// The first of an op's outputs; they follow one another up to the first of the next op.
  graph::TensorId first_output(graph::OpId op) const { return num_inputs + graph.outputs.begin[op]; }
  /// Where an awaited tensor is made.
  DeviceId home(graph::TensorId tensor, std::span<const DeviceId> placement) const {
    return tensor < num_inputs ? *cluster.io_device : placement[graph.producer[tensor]];
  }
  /// A graph output that travels when it is made.
  bool is_returned(graph::TensorId tensor, DeviceId home) const {
    return cluster.io_device && graph.is_output[tensor] && *cluster.io_device != home;
  }

 private:
  void find_times(const cost::CostTable& costs);
};

}  // namespace allot::sim
