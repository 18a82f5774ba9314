// SPDX-License-Identifier: Apache-2.0
// The ways to cut a graph in two so that nothing flows back: down-sets ("ideals") of the order of its units.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "base/csr.h"
#include "graph/op_graph.h"

namespace allot::place {

/// Units are ordered by the edges that lead from a unit to one whose first op comes later; edges back, as a training
/// graph has them from each gradient to the layer before, bind nothing. What lies between two ideals, one inside the
/// other, is a stage of a pipeline (Tarnawski et al., NeurIPS 2020).
class Ideals {
 public:
  /// One unit that an ideal has beyond a smaller one.
  struct Step {
    graph::UnitId unit;
    uint32_t smaller;
  };

  /// All ideals, if there are at most `most`; else those that follow one topological order, thinned out to `most` by
  /// adding runs of units at a time. `leader` [num_units]: another unit with which a unit always goes where all ideals
  /// are listed, or the unit itself; such others must be all that a unit exchanges tensors with, but for its followers.
  Ideals(const graph::OpGraph& graph, size_t most, const std::vector<graph::UnitId>& leader = {});

  bool complete() const { return complete_; }
  /// Numbered from the empty one to the whole, every ideal after all that it contains.
  uint32_t size() const { return static_cast<uint32_t>(steps_.rows()); }
  /// The ideals that are smaller by one step; a step of a thinned order adds several units, listed by units().
  std::span<const Step> steps(uint32_t ideal) const { return steps_[ideal]; }
  /// The units of a step that names `unit`: itself and those that it leads.
  std::span<const graph::UnitId> units(graph::UnitId unit) const { return runs_[unit]; }

 private:
  bool enumerate(const base::Csr<graph::UnitId>& before, const std::vector<graph::UnitId>& leader, size_t most);
  void follow_one_order(uint32_t units, size_t most);

  bool complete_ = false;
  base::Csr<Step> steps_;
  base::Csr<graph::UnitId> runs_;
};

}  // namespace allot::place
