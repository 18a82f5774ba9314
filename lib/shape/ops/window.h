// SPDX-License-Identifier: Apache-2.0
// Sliding windows: the arithmetic that convolutions and pools share.
#pragma once

#include "shape/context.h"

namespace allot::shape {

/// kernel, strides, dilations, pads (all begins, then all ends) of `rank` spatial dimensions, defaults filled in.
struct Window {
  enum class Pad : uint8_t { explicit_, valid, same };
  Dims kernel, strides, dilations, pads;
  Pad pad = Pad::explicit_;
  bool ceil_mode = false;
};

/// Reads the attributes; `kernel` serves where the node has no kernel_shape. Lists of a wrong length and strides,
/// kernels or dilations below 1 are contradictions that give nullopt.
std::optional<Window> read_window(Context& c, size_t rank, Dims kernel);

/// Positions of a window along each spatial dimension of `input`. A window larger than its padded input is a
/// contradiction that gives 1 position.
Dims slide(Context& c, const Window& window, std::span<const int64_t> input);

}  // namespace allot::shape
