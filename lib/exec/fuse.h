// SPDX-License-Identifier: Apache-2.0
// Groups of nodes for which torch has one kernel.
#pragma once

#include <string>
#include <vector>

#include "exec/lower.h"

namespace allot::exec {

/// The domain of operators that only exist between fuse() and their kernels (ops/fused.cpp).
constexpr std::string_view kFusedDomain = "allot.fused";

/// Replaces groups of nodes of the main graph by one node each:
///   Linear     MatMul with a stored matrix, and Add of a stored vector
///   Attention  MatMul, scale, Add of a mask, Softmax, MatMul
///   LayerNorm  the nine nodes that exporters wrote before opset 17
///   Gelu       with erf or tanh, as written before opset 20
///   LSTM, GRU  the same with W and R in torch's order of gates, which an exporter had reordered
///   Reordered  Concat of Slices that make up a stored tensor in another order
/// A group is left alone when an inner value has another use or is named in `kept`, or when its nodes belong to
/// different `parts` (by source, see CompileOptions). Results differ from those of the
/// single nodes by rounding only.
void fuse(Lowered& lowered, const std::vector<std::string>& kept, const std::vector<uint32_t>& parts);

}  // namespace allot::exec
