// SPDX-License-Identifier: Apache-2.0
// What the ops of a training step cost (onnx-and-cost 5.5).
#pragma once

#include <vector>

#include "cost/op_cost.h"
#include "graph/training.h"

namespace allot::cost {

/// Costs of all ops of a training graph, from those of its forward ops.
///   gradient   products: one forward's worth for each operand that gets a gradient; fused attention 2.5 (its scores
///              are computed anew); recurrent layers 2; views nothing; the rest twice the forward's vector work
///   sum        one addition an element and further part
///   optimizer  2 (SGD), 4 (momentum), 16 (Adam) operations a number; reads gradient, parameter and state
/// Traffic is compulsory, from the sizes of what each op reads and writes.
std::vector<OpCost> training_costs(const graph::Training& training, const std::vector<OpCost>& forward);

}  // namespace allot::cost
