// SPDX-License-Identifier: Apache-2.0
// Elementwise arithmetic of two tensors or more, with broadcasting.
#include <ATen/ops/add.h>
#include <ATen/ops/div.h>
#include <ATen/ops/mul.h>
#include <ATen/ops/sub.h>

#include "exec/registry.h"

namespace allot::exec {
namespace {

using Binary = at::Tensor (*)(const at::Tensor&, const at::Tensor&);

at::Tensor add(const at::Tensor& a, const at::Tensor& b) { return at::add(a, b); }
at::Tensor sub(const at::Tensor& a, const at::Tensor& b) { return at::sub(a, b); }
at::Tensor mul(const at::Tensor& a, const at::Tensor& b) { return at::mul(a, b); }
// Integers truncate toward zero.
at::Tensor div(const at::Tensor& a, const at::Tensor& b) {
  return at::isIntegralType(a.scalar_type(), false) ? at::div(a, b, "trunc") : at::div(a, b);
}

// Before opset 7 shapes were aligned by hand: `b` starts at `axis` of `a`.
at::Tensor aligned(const at::Tensor& a, const at::Tensor& b, int64_t axis) {
  const int64_t start = axis < 0 ? a.dim() - b.dim() : axis;
  auto dims = b.sizes().vec();
  for (int64_t d = start + b.dim(); d < a.dim(); ++d) dims.push_back(1);
  return b.reshape(dims);
}

template <Binary function>
Kernel make_binary(const Site& site) {
  if (site.opset() >= 7 || !site.int_or("broadcast", 0))
    return [](Call& call) { call.set(0, function(call.in(0), call.in(1))); };
  return [axis = site.int_or("axis", -1)](Call& call) {
    call.set(0, function(call.in(0), aligned(call.in(0), call.in(1), axis)));
  };
}

constexpr Operator kOperators[] = {
    {"Add", make_binary<add>},
    {"Div", make_binary<div>},
    {"Mul", make_binary<mul>},
    {"Sub", make_binary<sub>},
};

}  // namespace

std::span<const Operator> arithmetic_operators() { return kOperators; }

}  // namespace allot::exec
