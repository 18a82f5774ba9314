// SPDX-License-Identifier: Apache-2.0
// Totals and structure of an op graph.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "graph/op_graph.h"

namespace allot::graph {

/// Longest path: sum of weights of ops along it, and the ops, first to last. weight [num_ops], >= 0. O(V + E).
struct Path {
  int64_t length = 0;
  std::vector<OpId> ops;
};
Path critical_path(const OpGraph& graph, std::span<const int64_t> weight);

struct Statistics {
  uint32_t ops = 0, units = 0, edges = 0, tensors = 0, depth = 0, max_width = 0;
  int64_t param_bytes = 0, activation_bytes = 0;
};
/// edges: distinct pairs of ops where one reads what the other makes; activation_bytes: all tensors that ops make;
/// depth: ops on the longest path; max_width: ops on the fullest level.
Statistics statistics(const OpGraph& graph);

}  // namespace allot::graph
