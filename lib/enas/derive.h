// SPDX-License-Identifier: Apache-2.0
// A child as a model of its own, by pruning the supergraph.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "enas/supergraph.h"

namespace allot::enas {

/// Joins that keep one input, and all Identity nodes but those that make an output, are passed over; of sliced tensors
/// the blocks that stay are kept; what no output depends on any more goes: nodes, stored tensors, functions, and every
/// trace of the search space. Inputs and outputs of the graph keep their names and types, and nodes theirs. The
/// model's metadata gets `provenance`. Leans on the supergraph's storage. Source: specification of enas-search, 5.6.
ir::Model derive(const Supergraph& supergraph, const Child& child,
                 const std::map<std::string, std::string>& provenance = {});

/// Draws matrices and kernels anew, as the model's generator did where its metadata tells (allot.init), else within
/// Glorot's limit; what has one dimension, and what is 0 all over, stays. By seed and name alone, so that equal weights
/// of two children begin alike. Only float32 and float64.
void draw_weights(ir::Model& model, const std::string& scheme, uint64_t seed);
/// "he", "glorot", "fan-in" (deviation 1 / sqrt(fan in)) or "uniform:0.04"; what metadata tells, else "glorot".
std::string init_scheme(const ir::Model& model);

}  // namespace allot::enas
