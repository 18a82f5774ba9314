// SPDX-License-Identifier: Apache-2.0
// Functions of one tensor that networks use between their layers.
#include <ATen/ops/elu.h>
#include <ATen/ops/log_softmax.h>
#include <ATen/ops/relu.h>
#include <ATen/ops/sigmoid.h>
#include <ATen/ops/softmax.h>
#include <ATen/ops/tanh.h>

#include "exec/registry.h"

namespace allot::exec {
namespace {

using Unary = at::Tensor (*)(const at::Tensor&);

// An operator without attributes that torch has under its own name.
template <Unary function>
Kernel make_unary(const Site&) {
  return [](Call& call) { call.set(0, function(call.in(0))); };
}

using Along = at::Tensor (*)(const at::Tensor&, int64_t);

at::Tensor softmax(const at::Tensor& x, int64_t axis) { return at::softmax(x, axis); }
at::Tensor log_softmax(const at::Tensor& x, int64_t axis) { return at::log_softmax(x, axis); }

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

constexpr Operator kOperators[] = {
    {"LogSoftmax", make_along<log_softmax>},
    {"Relu", make_unary<at::relu>},
    {"Sigmoid", make_unary<at::sigmoid>},
    {"Softmax", make_along<softmax>},
    {"Tanh", make_unary<at::tanh>},
};

}  // namespace

std::span<const Operator> activation_operators() { return kOperators; }

}  // namespace allot::exec
