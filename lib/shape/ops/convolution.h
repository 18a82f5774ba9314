// SPDX-License-Identifier: Apache-2.0
// The shape of a convolution, shared with quantized and fused forms.
#pragma once

#include "shape/context.h"

namespace allot::shape {

/// Output 0 of input `x` (batch, channels, spatial...) convolved with weight `w` (filters, channels / group,
/// kernel...).
void set_convolution(Context& c, ir::DataType elem, size_t x, size_t w);

}  // namespace allot::shape
