// SPDX-License-Identifier: Apache-2.0
// Operators on the bits of integers.
#include <ATen/ops/bitwise_and.h>
#include <ATen/ops/bitwise_not.h>
#include <ATen/ops/bitwise_or.h>
#include <ATen/ops/bitwise_xor.h>

#include "exec/ops/broadcast.h"
#include "exec/ops/integers.h"
#include "exec/registry.h"

namespace allot::exec {
namespace {

at::Tensor bitwise_and(const at::Tensor& a, const at::Tensor& b) { return at::bitwise_and(a, b); }
at::Tensor bitwise_or(const at::Tensor& a, const at::Tensor& b) { return at::bitwise_or(a, b); }
at::Tensor bitwise_xor(const at::Tensor& a, const at::Tensor& b) { return at::bitwise_xor(a, b); }
at::Tensor shift_left(const at::Tensor& a, const at::Tensor& b) { return map_integers(a, b, ShiftLeft()); }
at::Tensor shift_right(const at::Tensor& a, const at::Tensor& b) { return map_integers(a, b, ShiftRight()); }

Kernel make_bit_shift(const Site& site) {
  const ir::Str direction = site.string_or("direction", "");
  if (direction == "LEFT") return make_binary<shift_left>(site);
  if (direction == "RIGHT") return make_binary<shift_right>(site);
  site.refuse("direction must be LEFT or RIGHT");
}

Kernel make_bitwise_not(const Site&) {
  return [](Call& call) {
    const at::Tensor& x = call.in(0);
    const at::ScalarType type = x.scalar_type();
    call.set(0, is_wide_unsigned(type) ? at::bitwise_not(x.to(at::kLong)).to(type) : at::bitwise_not(x));
  };
}

constexpr Operator kOperators[] = {
    {"BitShift", make_bit_shift, Gradient::zero},
    {"BitwiseAnd", make_binary<bitwise_and>, Gradient::zero},
    {"BitwiseNot", make_bitwise_not, Gradient::zero},
    {"BitwiseOr", make_binary<bitwise_or>, Gradient::zero},
    {"BitwiseXor", make_binary<bitwise_xor>, Gradient::zero},
};

}  // namespace

std::span<const Operator> bitwise_operators() { return kOperators; }

}  // namespace allot::exec
