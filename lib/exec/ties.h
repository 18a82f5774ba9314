// SPDX-License-Identifier: Apache-2.0
// Copies of one matrix that an exporter stored apart, e.g. an embedding and the transposed output layer.
#pragma once

#include <vector>

#include "exec/trainable.h"

namespace allot::exec {

/// Sets tied_to and transposed of trained weights that hold the bytes of an earlier one, in the same or in swapped
/// order. Only matrices count, and only those that hold more than one number: fresh biases and scales are alike by
/// chance. O(bytes of trained matrices).
void find_ties(const ir::Model& model, const ir::Values& values, std::vector<Weight>& weights);

}  // namespace allot::exec
