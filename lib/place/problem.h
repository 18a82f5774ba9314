// SPDX-License-Identifier: Apache-2.0
// One placement task: what to place, where, under which constraints, and for what.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "cluster/cluster.h"
#include "cluster/constraints.h"
#include "cost/cost_table.h"
#include "graph/op_graph.h"
#include "place/objective.h"
#include "sim/bounds.h"

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
  /// config when a constraint names an unknown device or matches no op. Without `bounded` no bounds are computed, and
  /// bounds() are 0: parts of a problem are solved by the thousand.
  Problem(graph::OpGraph graph, cluster::Cluster cluster, cost::CostTable costs,
          const cluster::Constraints& constraints = {}, Objective objective = Objective::latency, bool bounded = true);

  const graph::OpGraph& graph() const { return graph_; }
  const cluster::Cluster& cluster() const { return cluster_; }
  const cost::CostTable& costs() const { return costs_; }
  const sim::Bounds& bounds() const { return bounds_; }
  uint32_t devices() const { return cluster_.size(); }
  Objective objective() const { return objective_; }

  /// Other input shapes that the same placement must serve: it is scored by the weighted mean over them and this
  /// problem itself, and fits only if it fits in all. Errors: usage when a weight is not positive and finite, or the
  /// units of `other` are not the same ops or may not use the same devices.
  void also_serve(std::shared_ptr<const Problem> other, double weight);
  /// Scores placements otherwise than by simulation. `make` is called for each thread that needs a scorer, which takes
  /// the device of each op. Constructive methods still go by the costs.
  using Scorer = std::function<Score(std::span<const DeviceId>)>;
  void score_with(std::function<Scorer()> make) { make_scorer_ = std::move(make); }
  const std::function<Scorer()>& make_scorer() const { return make_scorer_; }

  struct Scenario {
    double weight;
    std::shared_ptr<const Problem> problem;
  };
  const std::vector<Scenario>& others() const { return others_; }
  /// The same task for its own input shape only.
  Problem alone() const;
  /// Placements are scored by one simulation, and its makespan alone: bounds and incremental evaluation apply.
  bool plain_latency() const { return objective_ == Objective::latency && others_.empty() && !make_scorer_; }
  double weight() const { return weight_; }
  void set_weight(double weight) { weight_ = weight; }

  bool allowed(UnitId unit, DeviceId device) const {
    return unit_time_ps_[unit * size_t{devices()} + device] != cost::kCannotRun;
  }
  /// Sum of its ops' times, or kCannotRun.
  int64_t unit_time_ps(UnitId unit, DeviceId device) const { return unit_time_ps_[unit * size_t{devices()} + device]; }
  /// Devices that `unit` may use, ascending; never empty.
  std::span<const DeviceId> choices(UnitId unit) const { return choices_[unit]; }

  /// The one of them on which it takes least time; the first of equals.
  DeviceId fastest(UnitId unit) const;

  std::vector<DeviceId> expand(const UnitPlacement& units) const;  // per op, as searches go by
  /// Per op as files give it, which is what the result of a method is judged by: expand(), and then shapes that are
  /// used on another device are told on the host (host_shapes.h), where that may run them.
  std::vector<DeviceId> as_written(const UnitPlacement& units) const;

 private:
  graph::OpGraph graph_;
  cluster::Cluster cluster_;
  cost::CostTable costs_;
  sim::Bounds bounds_;
  std::vector<int64_t> unit_time_ps_;
  base::Csr<DeviceId> choices_;
  std::vector<OpId> shapes_;  // the graph's shape_ops that the host may run
  Objective objective_;
  double weight_ = 1;
  std::vector<Scenario> others_;
  std::function<Scorer()> make_scorer_;  // may be empty
};

}  // namespace allot::place
