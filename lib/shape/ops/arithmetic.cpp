// SPDX-License-Identifier: Apache-2.0
// Operators of several tensors that broadcast: arithmetic, comparison, logic.
#include <cmath>

#include "shape/fold.h"
#include "shape/registry.h"

namespace allot::shape {
namespace {

constexpr double kUnknown = std::numeric_limits<double>::quiet_NaN();

double add(double a, double b, bool) { return a + b; }
double subtract(double a, double b, bool) { return a - b; }
double multiply(double a, double b, bool) { return a * b; }
double divide(double a, double b, bool integral) {
  if (!integral) return a / b;
  return b == 0 ? kUnknown : std::trunc(a / b);  // exact: both are below 2^53
}
double modulo(double a, double b, bool integral) {  // the sign of the divisor, as Python's %
  if (b == 0) return kUnknown;
  const double rest = std::fmod(a, b);
  return integral && rest != 0 && (rest < 0) != (b < 0) ? rest + b : rest;
}
double remainder_of_fmod(double a, double b, bool) { return b == 0 ? kUnknown : std::fmod(a, b); }
double power(double a, double b, bool) { return std::pow(a, b); }
double minimum(double a, double b, bool) { return std::min(a, b); }
double maximum(double a, double b, bool) { return std::max(a, b); }
double logical_and(double a, double b, bool) { return a != 0 && b != 0; }
double logical_or(double a, double b, bool) { return a != 0 || b != 0; }
double logical_xor(double a, double b, bool) { return (a != 0) != (b != 0); }
double equal(double a, double b, bool) { return a == b; }
double greater(double a, double b, bool) { return a > b; }
double greater_or_equal(double a, double b, bool) { return a >= b; }
double less(double a, double b, bool) { return a < b; }
double less_or_equal(double a, double b, bool) { return a <= b; }

/// Before opset 7 the second input was stretched to the first by attributes `broadcast` and `axis`.
std::optional<Dims> binary_dims(Context& c) {
  if (!c.node().find("broadcast")) return c.broadcast({0, 1});
  const Dims* dims = c.dims(0);
  return dims ? std::optional(*dims) : std::nullopt;
}

void set_broadcast(Context& c, ir::DataType elem, std::optional<Dims> dims, BinaryFold fold) {
  c.set_elem(0, elem);
  if (!dims) return;
  if (fold && c.may_know(0) && c.may_know(1)) {
    c.set(0, elem, *dims);
    fold_all(c, fold, *dims);
  } else {
    c.set(0, elem, std::move(*dims));
  }
}

template <BinaryFold F>
void binary(Context& c) {
  set_broadcast(c, c.elem(0), binary_dims(c), F);
}

template <BinaryFold F>
void comparison(Context& c) {
  set_broadcast(c, ir::DataType::boolean, binary_dims(c), F);
}

template <BinaryFold F>
void variadic(Context& c) {
  set_broadcast(c, c.elem(0), c.broadcast_all(), F);
}

void mod(Context& c) {
  set_broadcast(c, c.elem(0), binary_dims(c), c.node().int_or("fmod", 0) != 0 ? remainder_of_fmod : modulo);
}

void prelu(Context& c) { c.copy(0, 0); }

void where(Context& c) {
  c.set_elem(0, c.elem(1));
  auto dims = c.broadcast({0, 1, 2});
  if (!dims) return;
  c.set(0, c.elem(1), *dims);
  const auto count = c.room_for(*dims);
  if (!count || !c.may_know(0) || !c.may_know(1) || !c.may_know(2)) return;
  const std::vector<double>* data[3];
  Dims strides[3];
  for (size_t i = 0; i < 3; ++i) {
    if (data[i] = c.content(i); !data[i]) return;
    strides[i] = strides_of(*c.dims(i));
  }
  std::vector<double> result(*count);
  Dims index(dims->size(), 0);
  const auto read = [&](size_t i) {
    return (*data[i])[static_cast<size_t>(broadcast_position(*c.dims(i), strides[i], index))];
  };
  for (double& element : result) {
    element = read(0) != 0 ? read(1) : read(2);
    next_index(index, *dims);
  }
  c.set_content(0, std::move(result));
}

constexpr Operator kOperators[] = {
    {"Add", binary<add>},
    {"And", comparison<logical_and>},
    {"BitShift", binary<nullptr>},
    {"BitwiseAnd", binary<nullptr>},
    {"BitwiseOr", binary<nullptr>},
    {"BitwiseXor", binary<nullptr>},
    {"Div", binary<divide>},
    {"Equal", comparison<equal>},
    {"Greater", comparison<greater>},
    {"GreaterOrEqual", comparison<greater_or_equal>},
    {"Less", comparison<less>},
    {"LessOrEqual", comparison<less_or_equal>},
    {"Max", variadic<maximum>},
    {"Mean", variadic<nullptr>},
    {"Min", variadic<minimum>},
    {"Mod", mod},
    {"Mul", binary<multiply>},
    {"Or", comparison<logical_or>},
    {"PRelu", prelu},
    {"Pow", binary<power>},
    {"Sub", binary<subtract>},
    {"Sum", variadic<add>},
    {"Where", where},
    {"Xor", comparison<logical_xor>},
};

}  // namespace

std::span<const Operator> arithmetic_operators() { return kOperators; }

}  // namespace allot::shape
