// SPDX-License-Identifier: Apache-2.0
// Resampling along one axis: which inputs make each output, and how much each counts.
#pragma once

#include <cstdint>
#include <vector>

#include <ATen/core/Tensor.h>

namespace allot::exec {

/// How a place in the output maps to one in the input; Resize's coordinate_transformation_mode.
enum class Coordinates : uint8_t {
  half_pixel,
  half_pixel_symmetric,
  pytorch_half_pixel,
  align_corners,
  asymmetric,
  tf_half_pixel_for_nn,
  tf_crop_and_resize
};
enum class Interpolation : uint8_t { nearest, linear, cubic };
enum class Nearest : uint8_t { round_prefer_floor, round_prefer_ceil, floor, ceil };

struct Resampling {
  Interpolation interpolation = Interpolation::nearest;
  Coordinates coordinates = Coordinates::half_pixel;
  Nearest nearest = Nearest::round_prefer_floor;
  double cubic_coeff = -0.75;  // "a" in Keys, "Cubic convolution interpolation for digital image processing", 1981
  double outside_value = 0;    // of tf_crop_and_resize
  bool exclude_outside = false;
  bool antialias = false;
};

/// One axis of an image; positions count elements.
struct ResampledAxis {
  int64_t axis = 0, input = 0, output = 0;
  double scale = 1;           // output / input before it was rounded
  double start = 0, end = 1;  // of the region, for tf_crop_and_resize alone
};

/// Output i is the sum over k of weights[k][i] times input indices[k][i].
struct Taps {
  std::vector<std::vector<int64_t>> indices;
  std::vector<std::vector<double>> weights;  // empty: each output is one input
  std::vector<char> outside;                 // outputs with a constant value; empty: none
};

/// Work and memory grow with outputs and width of the filter. Errors: c10::Error for an input without elements.
Taps make_taps(const Resampling& resampling, const ResampledAxis& axis);

/// `x` resampled along one axis. Differentiable. x is floating point unless each output is one input.
at::Tensor resample(const at::Tensor& x, const Resampling& resampling, const ResampledAxis& axis);

}  // namespace allot::exec
