// SPDX-License-Identifier: Apache-2.0
// Arithmetic on unsigned types of 16, 32 and 64 bits, for which torch has hardly any kernels.
#pragma once

#include <limits>

#include <ATen/core/Tensor.h>
#include <ATen/ops/bitwise_xor.h>

namespace allot::exec {

/// Types that torch stores, but rarely computes with.
inline bool is_wide_unsigned(at::ScalarType type) {
  return type == at::kUInt16 || type == at::kUInt32 || type == at::kUInt64;
}

/// Int64 tensors in the order of `x`. Of 64 bits the upper half would be negative, so all are shifted.
inline at::Tensor to_ordered(const at::Tensor& x) {
  const at::Tensor wide = x.to(at::kLong);
  return x.scalar_type() == at::kUInt64 ? wide.bitwise_xor(std::numeric_limits<int64_t>::min()) : wide;
}

/// The inverse of to_ordered().
inline at::Tensor from_ordered(const at::Tensor& x, at::ScalarType type) {
  return (type == at::kUInt64 ? x.bitwise_xor(std::numeric_limits<int64_t>::min()) : x).to(type);
}

using Unary = at::Tensor (*)(const at::Tensor&);
using Binary = at::Tensor (*)(const at::Tensor&, const at::Tensor&);

/// `function` where the lowest bits of the result depend on those of the operands alone (sums, products, bits).
template <Binary function>
at::Tensor modular(const at::Tensor& a, const at::Tensor& b) {
  const at::ScalarType type = a.scalar_type();
  if (!is_wide_unsigned(type)) return function(a, b);
  return function(a.to(at::kLong), b.to(at::kLong)).to(type);
}

/// `function` that gives one of its operands by comparing them (minima, maxima).
template <Binary function>
at::Tensor ordering(const at::Tensor& a, const at::Tensor& b) {
  const at::ScalarType type = a.scalar_type();
  return is_wide_unsigned(type) ? from_ordered(function(to_ordered(a), to_ordered(b)), type) : function(a, b);
}

/// `function` that only compares.
template <Binary function>
at::Tensor comparing(const at::Tensor& a, const at::Tensor& b) {
  return is_wide_unsigned(a.scalar_type()) ? function(to_ordered(a), to_ordered(b)) : function(a, b);
}

}  // namespace allot::exec
