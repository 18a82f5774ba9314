// SPDX-License-Identifier: Apache-2.0
#include "cost/ops/formulas.h"

#include "cost/weights.h"

namespace allot::cost::ops {
namespace {

// Elements that one output reads: everything of a weight behind its first axis (channels of the group and kernel;
// in whatever order, so channels-last kernels count alike).
double taps(const shape::ValueType& weight) { return volume(weight, 1); }

double kernel_volume(const Context& c) {
  double product = 1;
  for (const int64_t size : c.node().ints("kernel_shape")) product *= static_cast<double>(size);
  return product;
}

void convolve(const Context& c, OpCost& cost, const shape::ValueType& weight, bool bias) {
  cost.mac_flops = 2 * c.n_out() * taps(weight);
  if (bias) cost.vector_ops += c.n_out();
  // One input channel a group: no reuse across channels, so no matrix unit helps.
  if (c.node().int_or("group", 1) > 1 && dim(weight, 1) == 1) cost.op_class = cluster::OpClass::depthwise_conv;
}

}  // namespace

// Direct convolution; what Winograd or FFT save is in the device's efficiency. Fused forms add Z (input 3) and an
// activation.
void conv(const Context& c, OpCost& cost) {
  convolve(c, cost, c.in(1), c.has_in(2));
  if (c.has_in(3)) cost.vector_ops += c.n_out();
  cost.vector_ops += c.n_out() * weight::activation(c.node().string_or("activation", ""));
}

// W is [C, M/g, kernel]: each *input* element is multiplied with all behind C.
void conv_transpose(const Context& c, OpCost& cost) {
  cost.mac_flops = 2 * c.n_in() * taps(c.in(1));
  if (c.has_in(2)) cost.vector_ops += c.n_out();
}

// X, W, offset, B, mask: each sample is interpolated between four pixels before it is weighted.
void deform_conv(const Context& c, OpCost& cost) {
  convolve(c, cost, c.in(1), c.has_in(3));
  const double samples = dim(c.out(0), 0) * dim(c.in(0), 1) * volume(c.in(1), 2) * volume(c.out(0), 2);
  cost.vector_ops += (c.has_in(4) ? 10 : 9) * samples;
}

void conv_integer(const Context& c, OpCost& cost) {
  convolve(c, cost, c.in(1), false);
  cost.precision = cluster::Precision::int8;
  cost.vector_ops += 3 * c.n_out();
}

void qlinear_conv(const Context& c, OpCost& cost) {
  convolve(c, cost, c.in(3), c.has_in(8));
  cost.precision = cluster::Precision::int8;
  cost.vector_ops += 3 * c.n_out();
}

void causal_conv(const Context& c, OpCost& cost) {
  cost.mac_flops = 2 * c.n_out() * taps(c.in(1));
  cost.vector_ops = c.n_out() * weight::activation(c.node().string_or("activation", ""));
  if (c.has_in(2)) cost.vector_ops += c.n_out();
}

// The row's weight is what comes on top for each output (requantization).
void max_pool(const Context& c, OpCost& cost) { cost.vector_ops = c.n_out() * (kernel_volume(c) + c.weight()); }

void average_pool(const Context& c, OpCost& cost) { cost.vector_ops = c.n_out() * (kernel_volume(c) + 1 + c.weight()); }

void lp_pool(const Context& c, OpCost& cost) { cost.vector_ops = c.n_out() * (2 * kernel_volume(c) + weight::kSqrt); }

void lrn(const Context& c, OpCost& cost) {
  // Its exponent is any number: runtimes call the library's power element by element, far below vector rates.
  constexpr double kAnyPow = 120;
  cost.vector_ops = c.n_in() * (2 * static_cast<double>(c.node().int_or("size", 1)) + 3 + kAnyPow);
}

}  // namespace allot::cost::ops
