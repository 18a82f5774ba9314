// SPDX-License-Identifier: Apache-2.0
// Functions of one tensor that networks use between their layers.
#include <cmath>
#include <limits>

#include <ATen/TensorOperators.h>
#include <ATen/ops/celu.h>
#include <ATen/ops/elu.h>
#include <ATen/ops/gelu.h>
#include <ATen/ops/hardsigmoid.h>
#include <ATen/ops/hardswish.h>
#include <ATen/ops/leaky_relu.h>
#include <ATen/ops/log_softmax.h>
#include <ATen/ops/mish.h>
#include <ATen/ops/prelu.h>
#include <ATen/ops/relu.h>
#include <ATen/ops/scalar_tensor.h>
#include <ATen/ops/sigmoid.h>
#include <ATen/ops/silu.h>
#include <ATen/ops/softmax.h>
#include <ATen/ops/softplus.h>
#include <ATen/ops/threshold.h>
#include <ATen/ops/where.h>
#include <ATen/ops/zeros_like.h>

#include "exec/check.h"
#include "exec/ops/broadcast.h"
#include "exec/ops/unary.h"
#include "exec/registry.h"

namespace allot::exec {
namespace {

// Beyond it softplus(x) is x in double precision.
constexpr double kSoftplusThreshold = 40;

at::Tensor softplus(const at::Tensor& x) { return at::softplus(x, 1, kSoftplusThreshold); }
at::Tensor softsign(const at::Tensor& x) { return x / (x.abs() + 1); }

Kernel make_leaky_relu(const Site& site) {
  return [alpha = site.float_or("alpha", 0.01f)](Call& call) { call.set(0, at::leaky_relu(call.in(0), alpha)); };
}

Kernel make_elu(const Site& site) {
  return [alpha = site.float_or("alpha", 1.0f)](Call& call) { call.set(0, at::elu(call.in(0), alpha)); };
}

Kernel make_celu(const Site& site) {
  const double alpha = site.float_or("alpha", 1.0f);
  if (alpha == 0) site.refuse("alpha must not be 0");
  return [alpha](Call& call) { call.set(0, at::celu(call.in(0), alpha)); };
}

Kernel make_selu(const Site& site) {
  const bool rounded = site.opset() < 6;
  const double alpha = site.float_or("alpha", rounded ? 1.6732f : 1.67326319217681884765625f);
  const double gamma = site.float_or("gamma", rounded ? 1.0507f : 1.05070102214813232421875f);
  return [alpha, gamma](Call& call) { call.set(0, at::elu(call.in(0), alpha, gamma, 1)); };
}

Kernel make_gelu(const Site& site) {
  const std::string how(site.string_or("approximate", "none"));
  if (how != "none" && how != "tanh") site.refuse("approximate must be none or tanh");
  return [how](Call& call) { call.set(0, at::gelu(call.in(0), how)); };
}

// torch's own is the case of 1/6 and 1/2.
Kernel make_hard_sigmoid(const Site& site) {
  const double alpha = site.float_or("alpha", 0.2f), beta = site.float_or("beta", 0.5f);
  if (std::abs(alpha - 1.0 / 6) < 1e-7 && beta == 0.5)
    return [](Call& call) { call.set(0, at::hardsigmoid(call.in(0))); };
  return [alpha, beta](Call& call) { call.set(0, (call.in(0) * alpha + beta).clamp(0, 1)); };
}

Kernel make_swish(const Site& site) {
  const double alpha = site.float_or("alpha", 1.0f);
  if (alpha == 1) return make_unary<at::silu>(site);
  return [alpha](Call& call) { call.set(0, call.in(0) * at::sigmoid(call.in(0) * alpha)); };
}

Kernel make_thresholded_relu(const Site& site) {
  return [alpha = site.float_or("alpha", 1.0f)](Call& call) { call.set(0, at::threshold(call.in(0), alpha, 0)); };
}

at::Tensor shrink(const at::Tensor& x, double lambda, double bias) {
  const at::Tensor zero = at::zeros_like(x);
  return at::where(x < -lambda, x + bias, at::where(x > lambda, x - bias, zero));
}

// Integers are compared with fractions, and rounded when they are shifted.
Kernel make_shrink(const Site& site) {
  return [lambda = site.float_or("lambd", 0.5f), bias = site.float_or("bias", 0.0f)](Call& call) {
    const at::Tensor& x = call.in(0);
    if (x.is_floating_point()) return call.set(0, shrink(x, lambda, bias));
    call.set(0, shrink(x.to(at::kDouble), lambda, bias).to(x.scalar_type()));
  };
}

at::Tensor parametric_relu(const at::Tensor& x, const at::Tensor& slope) {
  if (is_wide_unsigned(x.scalar_type())) return x;
  const int64_t channel_axis = slope.dim() - (x.dim() - 1);
  const bool by_channel = channel_axis >= 0 && channel_axis < slope.dim() && x.dim() > 1 &&
                          slope.numel() == x.size(1) && slope.size(channel_axis) == x.size(1);
  if (x.is_floating_point() && (slope.numel() == 1 || by_channel)) return at::prelu(x, slope.reshape({-1}));
  return at::where(x < 0, x * slope, x);
}

// Before opset 7 there was a slope for every channel.
Kernel make_prelu(const Site& site) {
  const bool old = site.opset() < 7;
  return [old](Call& call) {
    const at::Tensor &x = call.in(0), &slope = call.in(1);
    check_same_type(x, slope);
    call.set(0, parametric_relu(x, old && slope.numel() > 1 ? aligned(x, slope, 1) : slope));
  };
}

using Along = at::Tensor (*)(const at::Tensor&, int64_t);

at::Tensor softmax(const at::Tensor& x, int64_t axis) { return at::softmax(x, axis); }
at::Tensor log_softmax(const at::Tensor& x, int64_t axis) { return at::log_softmax(x, axis); }
// One where the first maximum is.
at::Tensor hardmax(const at::Tensor& x, int64_t axis) {
  return at::zeros_like(x).scatter(axis, x.argmax(axis, true), 1);
}

// Before opset 13 the axis splits the shape in two, and the function goes over all of the second part.
template <Along function>
Kernel make_along(const Site& site) {
  const bool flattens = site.opset() < 13;
  return [axis = site.int_or("axis", flattens ? 1 : -1), flattens](Call& call) {
    const at::Tensor& x = call.in(0);
    if (!flattens) return call.set(0, function(x, axis));
    const int64_t split = axis < 0 ? axis + x.dim() : axis;
    call.set(0, function(x.flatten(split), split).reshape(x.sizes()));
  };
}

using Bound = std::optional<at::Scalar>;

at::Tensor clipped(const at::Tensor& x, const Bound& low, const Bound& high) {
  if (!low && !high) return x;
  if (!is_wide_unsigned(x.scalar_type())) return x.clamp(low, high);
  const auto bound = [&](const Bound& b) {
    return b ? to_ordered(at::scalar_tensor(*b, at::kUInt64).to(x.scalar_type())) : at::Tensor();
  };
  return from_ordered(to_ordered(x).clamp(bound(low), bound(high)), x.scalar_type());
}

Bound bound_of(const at::Tensor& tensor) {
  if (!tensor.defined()) return std::nullopt;
  if (tensor.numel() != 1) malformed("a bound must be one number, but has {} elements", tensor.numel());
  return tensor.item();
}

Kernel make_clip_by_attributes(const Site& site) {
  Bound low, high;
  if (site.has("min")) low = site.float_or("min", 0);
  if (site.has("max")) high = site.float_or("max", 0);
  return [low, high](Call& call) { call.set(0, clipped(call.in(0), low, high)); };
}

// Where the lower bound is above the upper one, the upper one counts, as in torch.
Kernel make_clip(const Site& site) {
  if (site.opset() < 11) return make_clip_by_attributes(site);
  const Value *low = site.constant(1), *high = site.constant(2);
  if ((site.has(1) && !low) || (site.has(2) && !high))
    return [](Call& call) {
      call.set(0, clipped(call.in(0), bound_of(call.in_or_none(1)), bound_of(call.in_or_none(2))));
    };
  return [low = low ? bound_of(low->tensor()) : Bound(), high = high ? bound_of(high->tensor()) : Bound()](Call& call) {
    call.set(0, clipped(call.in(0), low, high));
  };
}

constexpr Operator kOperators[] = {
    {"Celu", make_celu},
    {"Clip", make_clip},
    {"Elu", make_elu},
    {"Gelu", make_gelu},
    {"HardSigmoid", make_hard_sigmoid},
    {"HardSwish", make_unary<at::hardswish>},
    {"Hardmax", make_along<hardmax>, Gradient::zero},
    {"LeakyRelu", make_leaky_relu},
    {"LogSoftmax", make_along<log_softmax>},
    {"Mish", make_unary<at::mish>},
    {"PRelu", make_prelu},
    {"Relu", make_unary<at::relu>},
    {"Selu", make_selu},
    {"Shrink", make_shrink},
    {"Sigmoid", make_unary<at::sigmoid>},
    {"Softmax", make_along<softmax>},
    {"Softplus", make_unary<softplus>},
    {"Softsign", make_unary<softsign>},
    {"Swish", make_swish},
    {"ThresholdedRelu", make_thresholded_relu},
};

}  // namespace

std::span<const Operator> activation_operators() { return kOperators; }

}  // namespace allot::exec
