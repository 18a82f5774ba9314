// SPDX-License-Identifier: Apache-2.0
// Products of matrices.
#include <cmath>

#include <ATen/TensorOperators.h>
#include <ATen/ops/addmm.h>
#include <ATen/ops/einsum.h>
#include <ATen/ops/matmul.h>
#include <ATen/ops/mm.h>

#include "exec/check.h"
#include "exec/ops/broadcast.h"
#include "exec/registry.h"

namespace allot::exec {
namespace {

at::Tensor matmul(const at::Tensor& a, const at::Tensor& b) { return at::matmul(a, b); }

struct Gemm {
  double alpha = 1, beta = 1;
  bool transposes_a = false, transposes_b = false;

  // torch takes whole factors for integers, and fractions for the rest.
  static at::Scalar factor(double value, bool integral) {
    if (!integral) return value;
    if (value != std::trunc(value) || std::abs(value) > 9e15) malformed("integers cannot be multiplied by {}", value);
    return static_cast<int64_t>(value);
  }

  at::Tensor operator()(at::Tensor a, at::Tensor b, const at::Tensor& c) const {
    const bool integral = at::isIntegralType(a.scalar_type(), false);
    if (transposes_a) a = a.t();
    if (transposes_b) b = b.t();
    if (c.defined()) return at::addmm(c, a, b, factor(beta, integral), factor(alpha, integral));
    const at::Tensor product = at::mm(a, b);
    return alpha == 1 ? product : product * factor(alpha, integral);
  }
};

Kernel make_gemm(const Site& site) {
  const Gemm gemm{site.float_or("alpha", 1), site.float_or("beta", 1), site.int_or("transA", 0) != 0,
                  site.int_or("transB", 0) != 0};
  return [gemm](Call& call) {
    const at::Tensor &a = call.in(0), &b = call.in(1), &c = call.in_or_none(2);
    check_same_type(a, b);
    if (c.defined()) check_same_type(a, c);
    const at::ScalarType type = a.scalar_type();
    if (!is_wide_unsigned(type)) return call.set(0, gemm(a, b, c));
    const at::Tensor wide_c = c.defined() ? c.to(at::kLong) : c;
    call.set(0, gemm(a.to(at::kLong), b.to(at::kLong), wide_c).to(type));
  };
}

Kernel make_einsum(const Site& site) {
  return [equation = std::string(site.string_or("equation", ""))](Call& call) {
    auto operands = call.tensors_from(0);
    if (operands.empty()) malformed("Einsum has no inputs");
    const at::ScalarType type = operands[0].scalar_type();
    for (at::Tensor& operand : operands) {
      check_same_type(operands[0], operand);
      if (is_wide_unsigned(type)) operand = operand.to(at::kLong);
    }
    call.set(0, at::einsum(equation, operands).to(type));
  };
}

constexpr Operator kOperators[] = {
    {"Einsum", make_einsum},
    {"Gemm", make_gemm},
    {"MatMul", make_binary<modular<matmul>>},
};

}  // namespace

std::span<const Operator> matmul_operators() { return kOperators; }

}  // namespace allot::exec
