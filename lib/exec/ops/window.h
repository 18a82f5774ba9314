// SPDX-License-Identifier: Apache-2.0
// Windows that slide over the spatial axes of an input: those of convolutions and of pools.
#pragma once

#include <vector>

#include <ATen/core/Tensor.h>

#include "exec/site.h"

namespace allot::exec {

using Dims = std::vector<int64_t>;

/// Where windows lie on an input of known size. One number a spatial axis.
struct WindowPlacement {
  Dims begins, ends;  // margins before and behind the input that are asked for
  Dims outputs;       // number of windows

  bool is_symmetric() const { return begins == ends; }
};

/// Kernel size, strides, dilations and margins. Lists are as long as there are spatial axes, or, where the node
/// leaves them out, hold one number for all of them.
class Window {
 public:
  /// Errors: malformed for lists of different lengths and for numbers out of range; refuses unknown values of auto_pad.
  explicit Window(const Site& site);

  const Dims& kernel() const { return kernel_; }  // empty: that of the weights
  const Dims& strides() const { return strides_; }
  const Dims& dilations() const { return dilations_; }
  int64_t stride(size_t axis) const { return item(strides_, axis); }
  /// Of a kernel of `size`, the pixels from its first to its last.
  int64_t extent(size_t axis, int64_t size) const { return (size - 1) * item(dilations_, axis) + 1; }
  bool has_dilations() const;

  /// Margins that are the same for every input, and on both sides; nullptr otherwise.
  const Dims* fixed_padding() const { return auto_pad_ == AutoPad::none && begins_ == ends_ ? &begins_ : nullptr; }
  bool is_same() const { return auto_pad_ == AutoPad::same_upper || auto_pad_ == AutoPad::same_lower; }

  /// Of sizes without batch and channels. `ceil` lets a last window reach beyond the margin if it starts before it.
  /// Errors: malformed when the number of axes differs, or no window fits.
  WindowPlacement place(at::IntArrayRef sizes, at::IntArrayRef kernel, bool ceil = false) const;

  /// The margins of a transposed convolution whose output would be `surplus` larger than what is asked for, where that
  /// has a fixed size (`auto_pad` or `output_shape`).
  std::pair<int64_t, int64_t> split(int64_t surplus) const;
  std::pair<int64_t, int64_t> margins(size_t axis) const { return {item(begins_, axis), item(ends_, axis)}; }
  /// Errors: malformed when lists are for another number of spatial axes.
  void check_rank(size_t axes) const;

 private:
  enum class AutoPad : uint8_t { none, same_upper, same_lower };
  static int64_t item(const Dims& list, size_t axis) { return list.size() == 1 ? list[0] : list[axis]; }

  Dims kernel_, strides_, dilations_, begins_, ends_;
  AutoPad auto_pad_ = AutoPad::none;
};

/// The sizes behind batch and channels. Errors: malformed when there are not two such axes at least.
at::IntArrayRef spatial_sizes(const at::Tensor& x);

/// `x` with margins on its spatial axes; negative ones cut.
at::Tensor pad_spatial(const at::Tensor& x, const Dims& begins, const Dims& ends, const at::Scalar& value);

/// Numbers that an attribute gives, each within [low, 2^31). Errors: malformed, naming the attribute.
Dims checked_sizes(const Site& site, ir::Str attribute, int64_t low);

}  // namespace allot::exec
