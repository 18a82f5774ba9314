// SPDX-License-Identifier: Apache-2.0
// One placement task: what to place, where, under which constraints, and how an answer is scored.
#pragma once

#include <atomic>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "cluster/cluster.h"
#include "cluster/constraints.h"
#include "cost/cost_table.h"
#include "graph/op_graph.h"
#include "sim/bounds.h"
#include "sim/simulator.h"

namespace allot::place {

using cluster::DeviceId;
using graph::OpId;
using graph::UnitId;

/// Device of each unit [num_units].
using UnitPlacement = std::vector<DeviceId>;

class Problem {
 public:
  /// The pin and deny rules apply to ops by name (of which the first 1000 bytes are searched); co-location is part of
  /// the graph. Errors: unavailable when a unit has no device left (its ops and what forbids each device are named);
  /// config when a constraint names an unknown device or matches no op.
  Problem(graph::OpGraph graph, cluster::Cluster cluster, cost::CostTable costs,
          const cluster::Constraints& constraints = {});

  const graph::OpGraph& graph() const { return graph_; }
  const cluster::Cluster& cluster() const { return cluster_; }
  const cost::CostTable& costs() const { return costs_; }
  const sim::Bounds& bounds() const { return bounds_; }
  uint32_t devices() const { return cluster_.size(); }

  bool allowed(UnitId unit, DeviceId device) const {
    return unit_time_ps_[unit * size_t{devices()} + device] != cost::kCannotRun;
  }
  /// Sum of its ops' times, or kCannotRun.
  int64_t unit_time_ps(UnitId unit, DeviceId device) const { return unit_time_ps_[unit * size_t{devices()} + device]; }
  /// Devices that `unit` may use, ascending; never empty.
  std::span<const DeviceId> choices(UnitId unit) const { return choices_[unit]; }

  /// The one of them on which it takes least time; the first of equals.
  DeviceId fastest(UnitId unit) const;

  std::vector<DeviceId> expand(const UnitPlacement& units) const;  // per op
  UnitPlacement contract(std::span<const DeviceId> ops) const;     // of each unit's first op

 private:
  graph::OpGraph graph_;
  cluster::Cluster cluster_;
  cost::CostTable costs_;
  sim::Bounds bounds_;
  std::vector<int64_t> unit_time_ps_;
  base::Csr<DeviceId> choices_;
};

/// Feasible before infeasible, then by makespan; among infeasible ones the smaller overflow is better.
struct Score {
  int64_t makespan_ps = 0, overflow_bytes = 0;
  friend bool operator<(const Score& a, const Score& b) {
    return a.overflow_bytes != b.overflow_bytes ? a.overflow_bytes < b.overflow_bytes : a.makespan_ps < b.makespan_ps;
  }
  friend bool operator==(const Score&, const Score&) = default;
};

/// Scores placements by exact simulation and counts them.
class Evaluator {
 public:
  explicit Evaluator(const Problem& problem);
  Score score(const UnitPlacement& placement);
  sim::Outcome outcome(const UnitPlacement& placement, bool timeline = false);
  uint64_t evaluations() const { return evaluations_; }

 private:
  const sim::Outcome& run(const UnitPlacement& placement, const sim::Options& options);

  const Problem* problem_;
  sim::Simulator simulator_;
  std::vector<DeviceId> ops_;
  bool memory_matters_;
  uint64_t evaluations_ = 0;
};

}  // namespace allot::place
