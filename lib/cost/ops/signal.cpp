// SPDX-License-Identifier: Apache-2.0
#include "cost/ops/formulas.h"

#include <algorithm>
#include <cmath>

namespace allot::cost::ops {
namespace {

// Fast for lengths of small factors, else the direct sum.
double transform_ops(double length) {
  if (!(length >= 2)) return 0;
  double rest = length;
  for (const double factor : {2.0, 3.0, 5.0, 7.0})
    while (std::fmod(rest, factor) == 0) rest /= factor;
  return rest == 1 ? 5 * length * std::log2(length) : 8 * length * length;
}

}  // namespace

// Input [.., length, .., 1 or 2]; the axis is an attribute (opset 17) or input 2; dft_length is input 1.
void dft(const Context& c, OpCost& cost) {
  const double axis = c.scalar(2).value_or(static_cast<double>(c.node().int_or("axis", c.opset() < 20 ? 1 : -2)));
  const double length = dim(c.in(0), static_cast<int64_t>(std::clamp(axis, -1e6, 1e6)));
  const double signals = c.n_in() / std::max(length * dim(c.in(0), -1), 1.0);
  cost.vector_ops = signals * transform_ops(c.scalar(1).value_or(length));
}

// signal, frame_step, window, frame_length -> [B, frames, bins, 2].
void stft(const Context& c, OpCost& cost) {
  const double length = c.scalar(3).value_or(dim(c.in(2), 0));
  const double frames = dim(c.out(0), 0) * dim(c.out(0), 1);
  cost.vector_ops = frames * (transform_ops(length) + (c.has_in(2) ? length : 0));
}

}  // namespace allot::cost::ops
