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

/// Frees the first dimension of the inputs, and that of constant shapes of Reshape that begin with the same number,
/// where what is reshaped depends on an input. For execution: the file keeps its own.
/// Source: specification of mpl-train, 7.1.
FreedBatch free_batch(ir::Model& model);

}  // namespace allot::train
