// SPDX-License-Identifier: Apache-2.0
// Shapes of matrix products, shared with quantized and fused forms.
#pragma once

#include "shape/context.h"

namespace allot::shape {

/// The shape of a times b by MatMul's rules (vectors promoted, batches broadcast); nullopt after a contradiction
/// that leaves no guess.
std::optional<Dims> matmul_dims(Context& c, Dims a, Dims b);

/// Output 0 as input `a` times input `b`.
void set_matmul(Context& c, ir::DataType elem, size_t a, size_t b);
/// Output 0 by Gemm's attributes transA and transB.
void set_gemm(Context& c, ir::DataType elem, size_t a, size_t b);

}  // namespace allot::shape
