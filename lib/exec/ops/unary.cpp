// SPDX-License-Identifier: Apache-2.0
// Mathematical functions of one tensor, element by element.
#include <ATen/ops/abs.h>
#include <ATen/ops/acos.h>
#include <ATen/ops/acosh.h>
#include <ATen/ops/asin.h>
#include <ATen/ops/asinh.h>
#include <ATen/ops/atan.h>
#include <ATen/ops/atanh.h>
#include <ATen/ops/ceil.h>
#include <ATen/ops/cos.h>
#include <ATen/ops/cosh.h>
#include <ATen/ops/erf.h>
#include <ATen/ops/exp.h>
#include <ATen/ops/floor.h>
#include <ATen/ops/isinf.h>
#include <ATen/ops/isnan.h>
#include <ATen/ops/isneginf.h>
#include <ATen/ops/isposinf.h>
#include <ATen/ops/log.h>
#include <ATen/ops/logical_not.h>
#include <ATen/ops/neg.h>
#include <ATen/ops/reciprocal.h>
#include <ATen/ops/round.h>
#include <ATen/ops/sign.h>
#include <ATen/ops/sin.h>
#include <ATen/ops/sinh.h>
#include <ATen/ops/sqrt.h>
#include <ATen/ops/tan.h>
#include <ATen/ops/tanh.h>
#include <ATen/ops/zeros_like.h>

#include "exec/ops/unary.h"
#include "exec/registry.h"

namespace allot::exec {
namespace {

at::Tensor absolute(const at::Tensor& x) { return is_wide_unsigned(x.scalar_type()) ? x : at::abs(x); }
at::Tensor sign(const at::Tensor& x) {
  return is_wide_unsigned(x.scalar_type()) ? x.ne(0).to(x.scalar_type()) : at::sign(x);
}
// Half to even, as torch rounds.
at::Tensor round(const at::Tensor& x) { return at::round(x); }

// torch tests no float8; float32 holds all of its values.
at::Tensor testable(const at::Tensor& x) { return x.element_size() == 1 ? x.to(at::kFloat) : x; }
at::Tensor is_nan(const at::Tensor& x) { return at::isnan(testable(x)); }
at::Tensor is_inf(const at::Tensor& x) { return at::isinf(testable(x)); }
at::Tensor is_positive_inf(const at::Tensor& x) { return at::isposinf(testable(x)); }
at::Tensor is_negative_inf(const at::Tensor& x) { return at::isneginf(testable(x)); }
at::Tensor is_never(const at::Tensor& x) { return at::zeros_like(x, at::kBool); }

Kernel make_is_inf(const Site& site) {
  const bool negative = site.int_or("detect_negative", 1) != 0, positive = site.int_or("detect_positive", 1) != 0;
  if (negative) return positive ? make_unary<is_inf>(site) : make_unary<is_negative_inf>(site);
  return positive ? make_unary<is_positive_inf>(site) : make_unary<is_never>(site);
}

constexpr Operator kOperators[] = {
    {"Abs", make_unary<absolute>},
    {"Acos", make_unary<at::acos>},
    {"Acosh", make_unary<at::acosh>},
    {"Asin", make_unary<at::asin>},
    {"Asinh", make_unary<at::asinh>},
    {"Atan", make_unary<at::atan>},
    {"Atanh", make_unary<at::atanh>},
    {"Ceil", make_unary<at::ceil>, Gradient::zero},
    {"Cos", make_unary<at::cos>},
    {"Cosh", make_unary<at::cosh>},
    {"Erf", make_unary<at::erf>},
    {"Exp", make_unary<at::exp>},
    {"Floor", make_unary<at::floor>, Gradient::zero},
    {"IsInf", make_is_inf, Gradient::zero},
    {"IsNaN", make_unary<is_nan>, Gradient::zero},
    {"Log", make_unary<at::log>},
    {"Neg", make_unary<at::neg>},
    {"Not", make_unary<at::logical_not>, Gradient::zero},
    {"Reciprocal", make_unary<at::reciprocal>},
    {"Round", make_unary<round>, Gradient::zero},
    {"Sign", make_unary<sign>, Gradient::zero},
    {"Sin", make_unary<at::sin>},
    {"Sinh", make_unary<at::sinh>},
    {"Sqrt", make_unary<at::sqrt>},
    {"Tan", make_unary<at::tan>},
    {"Tanh", make_unary<at::tanh>},
};

}  // namespace

std::span<const Operator> unary_operators() { return kOperators; }

}  // namespace allot::exec
