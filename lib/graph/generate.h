// SPDX-License-Identifier: Apache-2.0
// Random and regular op graphs for tests and benchmarks.
#pragma once

#include <cstdint>

#include "graph/op_graph.h"

namespace allot::graph {

/// Layered random DAG: `ops` ops in layers of about `width`; each op reads 1-3 tensors of earlier ops (mostly of
/// the layer before, else back by a log-uniform distance) or a graph input; about `heavy` of the ops hold a parameter.
/// Sizes log-uniform.
struct LayeredOptions {
  uint32_t ops = 100, width = 4;
  double heavy = 0.3;
  uint64_t seed = 0;
  int64_t min_bytes = 1 << 10, max_bytes = 4 << 20;
};
OpGraph layered(const LayeredOptions& options);

/// Inception-like: `blocks` blocks of `branches` chains of `length` ops between a split and a join.
OpGraph branches(uint32_t blocks, uint32_t branches, uint32_t length, int64_t bytes);

/// Unrolled recurrent grid: op (layer, step) reads (layer - 1, step) and (layer, step - 1).
OpGraph grid(uint32_t layers, uint32_t steps, int64_t bytes);

}  // namespace allot::graph
