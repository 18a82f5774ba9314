// SPDX-License-Identifier: Apache-2.0
// Graphs that were exported for one batch size, made to run with any.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "ir/model.h"

namespace allot::train {

struct FreedBatch {
  int64_t declared = -1;           // first dimension of all inputs; -1: free already, or they do not agree
  std::vector<std::string> edits;  // what was changed: "input 'x'", "node 'flatten' (Reshape)"
};

/// Frees the first dimension of the inputs, and what was computed for one batch size when the graph was exported:
/// constant shapes of Reshape, Expand and ConstantOfShape that begin with it, and constant initial states of LSTM, GRU
/// and RNN, which are those of the first item then. For execution: the file keeps its own.
/// Source: specification of mpl-train, 7.1. Errors: those of shape::infer.
FreedBatch free_batch(ir::Model& model);

}  // namespace allot::train
