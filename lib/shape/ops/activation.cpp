// SPDX-License-Identifier: Apache-2.0
// Operators of one tensor, element by element.
#include <cmath>

#include "shape/fold.h"
#include "shape/registry.h"

namespace allot::shape {
namespace {

void same_as_input(Context& c) { c.copy(0, 0); }

void identity(Context& c) { c.copy(0, 0, /*with_content=*/true); }

template <UnaryFold F>
void unary(Context& c) {
  c.copy(0, 0);
  fold_unary(c, F);
}

template <UnaryFold F>
void predicate(Context& c) {
  c.set_elem(0, ir::DataType::boolean);
  if (const Dims* dims = c.dims(0)) c.set(0, ir::DataType::boolean, *dims);
  fold_unary(c, F);
}

double negate(double x) { return -x; }
double magnitude(double x) { return std::fabs(x); }
double sign(double x) { return x > 0 ? 1 : x < 0 ? -1 : 0; }
double round_down(double x) { return std::floor(x); }
double round_up(double x) { return std::ceil(x); }
double round_to_even(double x) { return std::nearbyint(x); }
double square_root(double x) { return std::sqrt(x); }
double reciprocal(double x) { return 1 / x; }
double exponential(double x) { return std::exp(x); }
double logarithm(double x) { return std::log(x); }
double relu(double x) { return x > 0 ? x : 0; }
double negation(double x) { return x == 0 ? 1 : 0; }
double is_positive_infinite(double x) { return x == INFINITY ? 1 : 0; }
double is_negative_infinite(double x) { return x == -INFINITY ? 1 : 0; }
double is_infinite(double x) { return std::isinf(x) ? 1 : 0; }
double never(double) { return 0; }
double is_nan(double x) { return std::isnan(x) ? 1 : 0; }

void is_inf(Context& c) {
  const bool positive = c.node().int_or("detect_positive", 1) != 0,
             negative = c.node().int_or("detect_negative", 1) != 0;
  if (positive) return negative ? predicate<is_infinite>(c) : predicate<is_positive_infinite>(c);
  return negative ? predicate<is_negative_infinite>(c) : predicate<never>(c);
}

void clip(Context& c) {
  c.copy(0, 0);
  const Dims* dims = c.may_know(0) ? c.dims(0) : nullptr;
  const auto* data = dims ? c.content(0) : nullptr;
  if (!data) return;
  const auto limit = [&](ir::Str attribute, size_t input, double otherwise) -> std::optional<double> {
    if (const auto* found = c.node().find(attribute)) return found->f;
    return c.has(input) ? c.number(input) : otherwise;
  };
  const auto low = limit("min", 1, -INFINITY), high = limit("max", 2, INFINITY);
  if (!low || !high) return;
  std::vector<double> result = *data;
  for (double& x : result) x = std::min(std::max(x, *low), *high);
  c.set_content(0, std::move(result));
}

void bit_cast(Context& c) {
  const auto to = c.elem_attribute("to", ir::DataType::undefined);
  c.set_elem(0, to);
  if (const Dims* dims = c.dims(0)) c.set(0, to, *dims);
}

void cast_to(Context& c, ir::DataType to) {
  c.set_elem(0, to);
  const Dims* dims = c.dims(0);
  if (!dims) return;
  c.set(0, to, *dims);
  if (!c.may_know(0)) return;
  const auto* data = c.content(0);
  if (!data) return;
  // int64's extremes mean "to the end" in slices: they pass unchanged between integer types of 64 bits.
  std::vector<double> result = *data;
  if (to != c.elem(0))
    for (double& x : result)
      if (std::isnan(x = as_element(to, x))) return;
  c.set_content(0, std::move(result));
}

void cast(Context& c) { cast_to(c, c.elem_attribute("to", ir::DataType::undefined)); }

void cast_like(Context& c) { cast_to(c, c.elem(1)); }

constexpr Operator kOperators[] = {
    {"Abs", unary<magnitude>},
    {"Acos", same_as_input},
    {"Acosh", same_as_input},
    {"Asin", same_as_input},
    {"Asinh", same_as_input},
    {"Atan", same_as_input},
    {"Atanh", same_as_input},
    {"BitCast", bit_cast},
    {"BitwiseNot", same_as_input},
    {"Cast", cast},
    {"CastLike", cast_like},
    {"Ceil", unary<round_up>},
    {"Celu", same_as_input},
    {"Clip", clip},
    {"Cos", same_as_input},
    {"Cosh", same_as_input},
    {"Elu", same_as_input},
    {"Erf", same_as_input},
    {"Exp", unary<exponential>},
    {"Floor", unary<round_down>},
    {"Gelu", same_as_input},
    {"HardSigmoid", same_as_input},
    {"HardSwish", same_as_input},
    {"Hardmax", same_as_input},
    {"Identity", identity},
    {"IsInf", is_inf},
    {"IsNaN", predicate<is_nan>},
    {"LeakyRelu", same_as_input},
    {"Log", unary<logarithm>},
    {"LogSoftmax", same_as_input},
    {"Mish", same_as_input},
    {"Neg", unary<negate>},
    {"Not", predicate<negation>},
    {"Reciprocal", unary<reciprocal>},
    {"Relu", unary<relu>},
    {"Round", unary<round_to_even>},
    {"Selu", same_as_input},
    {"Shrink", same_as_input},
    {"Sigmoid", same_as_input},
    {"Sign", unary<sign>},
    {"Sin", same_as_input},
    {"Sinh", same_as_input},
    {"Softmax", same_as_input},
    {"Softplus", same_as_input},
    {"Softsign", same_as_input},
    {"Sqrt", unary<square_root>},
    {"Swish", same_as_input},
    {"Tan", same_as_input},
    {"Tanh", same_as_input},
    {"ThresholdedRelu", same_as_input},
    // Experimental operators that old exporters left in files.
    {"Affine", same_as_input},
    {"ImageScaler", same_as_input},
    {"ParametricSoftplus", same_as_input},
    {"ScaledTanh", same_as_input},
    {"Scale", same_as_input},
};

}  // namespace

std::span<const Operator> activation_operators() { return kOperators; }

}  // namespace allot::shape
