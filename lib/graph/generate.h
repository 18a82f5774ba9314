// SPDX-License-Identifier: Apache-2.0
// Random and regular op graphs for tests and benchmarks: structure and sizes only. generate_model.h makes models.
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

/// Random DAG without levels: each op reads 1 + Poisson(1) of the `window` ops before it, so about `window` ops wait on
/// one another's results at a time. Sizes log-uniform in the range of LayeredOptions.
OpGraph random_dag(uint32_t ops, uint32_t window, uint64_t seed);

/// Task graphs as GiPH draws them (Hu et al., MLSys 2023): sqrt(ops) / shape levels of a random number of tasks, mean
/// shape * sqrt(ops); each reads one task of the level before and every other one of it with `probability`.
OpGraph giph(uint32_t ops, double shape, double probability, uint64_t seed);

/// Layered fork and join: stages of 2 to `width` branches of 1 to 8 ops each, between a fork and a join.
OpGraph fork_join(uint32_t ops, uint32_t width, uint64_t seed);

/// One op after another.
OpGraph chain(uint32_t ops, uint64_t seed);

/// One op that all others read, and one at the end that reads all others: the largest fan-out and fan-in there is.
OpGraph star(uint32_t ops, uint64_t seed);

/// Inception-like: `blocks` blocks of `branches` chains of `length` ops between a split and a join.
OpGraph branches(uint32_t blocks, uint32_t branches, uint32_t length, int64_t bytes);

/// Unrolled recurrent grid: op (layer, step) reads (layer - 1, step) and (layer, step - 1).
OpGraph grid(uint32_t layers, uint32_t steps, int64_t bytes);

}  // namespace allot::graph
