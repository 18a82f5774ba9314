// SPDX-License-Identifier: Apache-2.0
// Makespans that no placement can beat.
#pragma once

#include <algorithm>
#include <cstdint>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "cluster/cluster.h"
#include "cost/cost_table.h"
#include "graph/op_graph.h"

namespace allot::sim {

struct Bounds {
  int64_t critical_path_ps = 0;  // longest path, each op on its fastest device, transfers free
  int64_t work_ps = 0;           // all work shared out at will, within memory (load_bound.h)
  int64_t path_ps = 0;           // longest path with the transfers that no placement avoids (heads_tails.h)
  int64_t window_ps = 0;         // work that must be done between two instants (window_bound.h)
  double parallelism = 0;        // work / critical path, both with fastest devices; 0 for an empty graph

  int64_t best() const { return std::max({critical_path_ps, work_ps, path_ps, window_ps}); }
  /// The name of the best; the simplest among equals.
  std::string_view binding() const;
};

/// From critical path and work alone, as if every unit could use every device; an op that no device can run counts as
/// taking no time. O(ops * devices + edges).
Bounds bounds(const graph::OpGraph& graph, const cost::CostTable& costs);

/// All of them. `allowed` [num_units]: devices that each unit may use, never none. Holds for every rule of
/// cluster::Simulation. O(edges * devices); some milliseconds for 10,000 ops. Source: placement 8.9.
Bounds bounds(const graph::OpGraph& graph, const cost::CostTable& costs, const cluster::Cluster& cluster,
              std::span<const uint64_t> allowed);

}  // namespace allot::sim
