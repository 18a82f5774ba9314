// SPDX-License-Identifier: Apache-2.0
#include "cost/ops/formulas.h"

#include <algorithm>
#include <cmath>

namespace allot::cost::ops {
namespace {

// Points read and operations spent to interpolate one output over that many dimensions.
struct Interpolation {
  double taps = 1, operations = 0;
};

Interpolation interpolation(ir::Str mode, double dimensions) {
  if (mode.find("cubic") != ir::Str::npos) {
    const double taps = std::pow(4, dimensions);
    return {taps, 2 * taps + 3};  // 35 in two dimensions
  }
  if (mode.find("linear") == ir::Str::npos) return {};
  const double taps = std::pow(2, dimensions);
  return {taps, 3 * (taps - 1)};
}

// The image (input 0) is read at most once and at most as often as outputs tap it.
void read_taps(const Context& c, OpCost& cost, double taps) {
  const auto image = static_cast<double>(c.in(0).bytes());
  const double read = std::min(image, bytes_of(c.in(0), taps * c.n_out()));
  cost.bytes_read = to_bytes(static_cast<double>(cost.bytes_read) - image + read);
}

}  // namespace

// Resize and Upsample: only dimensions whose size changes are interpolated.
void resize(const Context& c, OpCost& cost) {
  double dimensions = 0;
  for (int64_t axis = 0; axis < rank(c.in(0)); ++axis) dimensions += dim(c.in(0), axis) != dim(c.out(0), axis);
  const auto [taps, operations] = interpolation(c.node().string_or("mode", "nearest"), dimensions);
  cost.vector_ops = operations * c.n_out();
  read_taps(c, cost, taps);
}

// X [B, C, spatial], grid: coordinates are scaled and the pixels around them interpolated.
void grid_sample(const Context& c, OpCost& cost) {
  constexpr double kLinear = 15;  // an output, in two dimensions: weights, products and sums
  const ir::Str mode = c.node().string_or("mode", "linear");
  const double dimensions = static_cast<double>(rank(c.in(0)) - 2);
  const auto [taps, operations] = interpolation(mode, dimensions);
  const bool bilinear = dimensions == 2 && mode.find("linear") != ir::Str::npos;
  cost.vector_ops = c.n_out() * (bilinear ? kLinear : std::max(operations, 1.0));
  read_taps(c, cost, taps);
}

// Without a sampling ratio each bin takes ceil(roi / output) samples a side; the bound is a region as large as the map.
void roi_align(const Context& c, OpCost& cost) {
  constexpr double kSample = 11;
  const auto ratio = static_cast<double>(c.node().int_or("sampling_ratio", 0));
  double samples = ratio * ratio;
  if (ratio <= 0) {
    samples = 1;
    for (const int64_t axis : {2, 3}) samples *= std::ceil(dim(c.in(0), axis) / std::max(dim(c.out(0), axis), 1.0));
  }
  cost.vector_ops = c.n_out() * samples * kSample;
}

// boxes [B, n, 4], scores [B, classes, n]: every box against those kept, at most max_output_boxes of them.
void non_max_suppression(const Context& c, OpCost& cost) {
  constexpr double kOverlap = 12;
  const double boxes = dim(c.in(0), 1);
  const double kept = std::min(boxes, c.scalar(2).value_or(c.has_in(2) ? boxes : 0));
  cost.vector_ops = c.n_in(1) * std::max(kept, 0.0) * kOverlap;
}

}  // namespace allot::cost::ops
