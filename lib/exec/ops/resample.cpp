// SPDX-License-Identifier: Apache-2.0
#include "exec/ops/resample.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include <ATen/TensorOperators.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/where.h>

namespace allot::exec {
namespace {

// Where output `i` lies in the input.
double source(const Resampling& resampling, const ResampledAxis& axis, int64_t i) {
  const auto x = static_cast<double>(i), last = static_cast<double>(axis.input - 1);
  const double width = axis.scale * static_cast<double>(axis.input);  // may be fractional
  switch (resampling.coordinates) {
    case Coordinates::half_pixel:
      return (x + 0.5) / axis.scale - 0.5;
    case Coordinates::half_pixel_symmetric:
      return static_cast<double>(axis.input) / 2 * (1 - static_cast<double>(axis.output) / width) +
             (x + 0.5) / axis.scale - 0.5;
    case Coordinates::pytorch_half_pixel:
      return axis.output > 1 ? (x + 0.5) / axis.scale - 0.5 : 0;
    case Coordinates::align_corners:
      return width == 1 ? 0 : x * last / (width - 1);
    case Coordinates::asymmetric:
      return x / axis.scale;
    case Coordinates::tf_half_pixel_for_nn:
      return (x + 0.5) / axis.scale;
    case Coordinates::tf_crop_and_resize:
      if (axis.output == 1) return (axis.start + axis.end) * last / 2;
      return (axis.start + x * (axis.end - axis.start) / static_cast<double>(axis.output - 1)) * last;
  }
  return 0;
}

int64_t nearest(Nearest mode, double x) {
  switch (mode) {
    case Nearest::round_prefer_floor:
      return static_cast<int64_t>(std::ceil(x - 0.5));
    case Nearest::round_prefer_ceil:
      return static_cast<int64_t>(std::floor(x + 0.5));
    case Nearest::floor:
      return static_cast<int64_t>(std::floor(x));
    case Nearest::ceil:
      return static_cast<int64_t>(std::ceil(x));
  }
  return 0;
}

// The filter at distance x.
double filter(const Resampling& resampling, double x) {
  x = std::abs(x);
  if (resampling.interpolation == Interpolation::linear) return std::max(0.0, 1 - x);
  const double a = resampling.cubic_coeff;
  if (x <= 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
  return x < 2 ? ((a * x - 5 * a) * x + 8 * a) * x - 4 * a : 0;
}

void add_nearest(const Resampling& resampling, const ResampledAxis& axis, Taps& taps) {
  auto& indices = taps.indices.emplace_back(static_cast<size_t>(axis.output));
  for (int64_t i = 0; i < axis.output; ++i)
    indices[static_cast<size_t>(i)] =
        std::clamp<int64_t>(nearest(resampling.nearest, source(resampling, axis, i)), 0, axis.input - 1);
}

// The filter is wider by 1 / scale where it also smooths.
void add_filtered(const Resampling& resampling, const ResampledAxis& axis, Taps& taps) {
  const double stretch = resampling.antialias ? std::min(axis.scale, 1.0) : 1.0;
  const double radius = (resampling.interpolation == Interpolation::linear ? 1 : 2) / stretch;
  TORCH_CHECK(radius < static_cast<double>(std::numeric_limits<int>::max()), "a scale of ", axis.scale,
              " is too small");
  const auto reach = static_cast<int64_t>(std::ceil(radius));  // taps lie at floor(x) - reach + 1 ... floor(x) + reach
  const auto count = static_cast<size_t>(2 * reach), outputs = static_cast<size_t>(axis.output);
  taps.indices.assign(count, std::vector<int64_t>(outputs));
  taps.weights.assign(count, std::vector<double>(outputs));
  for (size_t i = 0; i < outputs; ++i) {
    const double x = source(resampling, axis, static_cast<int64_t>(i)), left = std::floor(x);
    double sum = 0;
    for (size_t k = 0; k < count; ++k) {
      const double place = left + static_cast<double>(static_cast<int64_t>(k) - reach + 1);
      const bool is_inside = place >= 0 && place < static_cast<double>(axis.input);
      const double weight = resampling.exclude_outside && !is_inside ? 0 : filter(resampling, (place - x) * stretch);
      taps.indices[k][i] = static_cast<int64_t>(std::clamp(place, 0.0, static_cast<double>(axis.input - 1)));
      taps.weights[k][i] = weight;
      sum += weight;
    }
    if (sum != 0 && (resampling.exclude_outside || resampling.antialias))
      for (size_t k = 0; k < count; ++k) taps.weights[k][i] /= sum;
  }
}

}  // namespace

Taps make_taps(const Resampling& resampling, const ResampledAxis& axis) {
  TORCH_CHECK(axis.input > 0, "there is nothing to resample along axis ", axis.axis);
  Taps taps;
  if (resampling.interpolation == Interpolation::nearest)
    add_nearest(resampling, axis, taps);
  else
    add_filtered(resampling, axis, taps);
  if (resampling.coordinates == Coordinates::tf_crop_and_resize) {
    taps.outside.resize(static_cast<size_t>(axis.output));
    for (int64_t i = 0; i < axis.output; ++i) {
      const double x = source(resampling, axis, i);
      taps.outside[static_cast<size_t>(i)] = x < 0 || x > static_cast<double>(axis.input - 1);
    }
  }
  return taps;
}

at::Tensor resample(const at::Tensor& x, const Resampling& resampling, const ResampledAxis& axis) {
  const Taps taps = make_taps(resampling, axis);
  std::vector<int64_t> along(static_cast<size_t>(x.dim()), 1);  // a shape that broadcasts along the axis
  along[static_cast<size_t>(axis.axis)] = axis.output;
  at::Tensor y;
  for (size_t k = 0; k < taps.indices.size(); ++k) {
    at::Tensor part = x.index_select(axis.axis, at::tensor(taps.indices[k], at::kLong).to(x.device()));
    if (!taps.weights.empty()) part = part * at::tensor(taps.weights[k], x.options()).reshape(along);
    y = y.defined() ? y + part : part;
  }
  if (taps.outside.empty()) return y;
  const std::vector<int64_t> outside(taps.outside.begin(), taps.outside.end());
  const at::Tensor mask = at::tensor(outside, at::kLong).to(x.device()).to(at::kBool).reshape(along);
  return at::where(mask, at::Scalar(resampling.outside_value), y).to(x.scalar_type());
}

}  // namespace allot::exec
