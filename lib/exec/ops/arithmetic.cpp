// SPDX-License-Identifier: Apache-2.0
// Elementwise arithmetic of two tensors or more, with broadcasting. Integers are exact and wrap.
#include <ATen/TensorOperators.h>
#include <ATen/ops/add.h>
#include <ATen/ops/div.h>
#include <ATen/ops/fmod.h>
#include <ATen/ops/maximum.h>
#include <ATen/ops/minimum.h>
#include <ATen/ops/mul.h>
#include <ATen/ops/pow.h>
#include <ATen/ops/remainder.h>
#include <ATen/ops/sub.h>

#include "base/error.h"
#include "exec/ops/broadcast.h"
#include "exec/ops/integers.h"
#include "exec/registry.h"

namespace allot::exec {
namespace {

at::Tensor add(const at::Tensor& a, const at::Tensor& b) { return at::add(a, b); }
at::Tensor sub(const at::Tensor& a, const at::Tensor& b) { return at::sub(a, b); }
at::Tensor mul(const at::Tensor& a, const at::Tensor& b) { return at::mul(a, b); }
bool is_integral(const at::Tensor& x) { return at::isIntegralType(x.scalar_type(), false); }

at::Tensor div(const at::Tensor& a, const at::Tensor& b) {
  return is_integral(a) ? map_integers(a, b, Quotient()) : at::div(a, b);
}
at::Tensor mod(const at::Tensor& a, const at::Tensor& b) {
  return is_integral(a) ? map_integers(a, b, Modulus()) : at::remainder(a, b);
}
at::Tensor fmod(const at::Tensor& a, const at::Tensor& b) {
  return is_integral(a) ? map_integers(a, b, Remainder()) : at::fmod(a, b);
}

Kernel make_mod(const Site& site) { return site.int_or("fmod", 0) ? make_binary<fmod>(site) : make_binary<mod>(site); }

// The result has the type of the base, whatever the exponent is.
at::Tensor power(const at::Tensor& base, const at::Tensor& exponent) {
  const at::ScalarType type = base.scalar_type();
  if (!is_integral(base))
    return at::pow(base, is_wide_unsigned(exponent.scalar_type()) ? exponent.to(at::kDouble) : exponent).to(type);
  if (is_integral(exponent)) return map_integers(base.to(at::kLong), exponent.to(at::kLong), Power()).to(type);
  return at::pow(base.to(at::kDouble), exponent.to(at::kDouble)).to(type);
}

// Squares, roots and the like are many times faster when torch sees the number.
Kernel make_pow(const Site& site) {
  const bool by_axis = site.opset() < 7 && site.int_or("broadcast", 0);
  const Value* constant = site.constant(1);
  if (constant && constant->is_tensor() && constant->tensor().numel() == 1) {
    const double exponent = constant->tensor().to(at::kDouble).item<double>();
    return [exponent](Call& call) {
      const at::Tensor &base = call.in(0), &same = call.in(1);
      const bool keeps_shape = base.dim() >= same.dim() && base.is_floating_point();
      call.set(0, keeps_shape ? at::pow(base, exponent) : power(base, same));
    };
  }
  return [by_axis, axis = site.int_or("axis", -1)](Call& call) {
    const at::Tensor &base = call.in(0), &exponent = call.in(1);
    call.set(0, power(base, by_axis ? aligned(base, exponent, axis) : exponent));
  };
}

at::Tensor maximum(const at::Tensor& a, const at::Tensor& b) { return at::maximum(a, b); }
at::Tensor minimum(const at::Tensor& a, const at::Tensor& b) { return at::minimum(a, b); }

template <Binary function>
at::Tensor fold(Call& call) {
  at::Tensor result = call.in(0);
  for (size_t i = 1; i < call.inputs(); ++i) {
    check_same_type(result, call.in(i));
    result = function(result, call.in(i));
  }
  return result;
}

template <Binary function>
Kernel make_fold(const Site&) {
  return [](Call& call) { call.set(0, fold<function>(call)); };
}

Kernel make_mean(const Site&) {
  return [](Call& call) { call.set(0, fold<add>(call) / static_cast<double>(call.inputs())); };
}

constexpr Operator kOperators[] = {
    {"Add", make_binary<modular<add>>},    {"Div", make_binary<div>},
    {"Max", make_fold<ordering<maximum>>}, {"Mean", make_mean},
    {"Min", make_fold<ordering<minimum>>}, {"Mod", make_mod},
    {"Mul", make_binary<modular<mul>>},    {"Pow", make_pow},
    {"Sub", make_binary<modular<sub>>},    {"Sum", make_fold<add>},
};

}  // namespace

std::span<const Operator> arithmetic_operators() { return kOperators; }

}  // namespace allot::exec
