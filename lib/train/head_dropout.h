// SPDX-License-Identifier: Apache-2.0
// Dropout before the last layer of networks that were exported without.
#pragma once

#include <string>

#include "ir/model.h"

namespace allot::train {

/// Puts a Dropout node before the last Gemm, MatMul or Conv on the way to `logits`: the first one met going back along
/// the inputs that depend on the graph's. For execution: the file stays without. Source: specification of mpl-train,
/// 7.3. Errors: config where there is no such node.
void add_head_dropout(ir::Model& model, const std::string& logits, double ratio);

}  // namespace allot::train
