// SPDX-License-Identifier: Apache-2.0
#include "shape/dims.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace allot::shape {

std::optional<int64_t> checked_add(int64_t a, int64_t b) {
  int64_t sum;
  if (__builtin_add_overflow(a, b, &sum)) return std::nullopt;
  return sum;
}

std::optional<int64_t> checked_mul(int64_t a, int64_t b) {
  int64_t result;
  if (__builtin_mul_overflow(a, b, &result)) return std::nullopt;
  return result;
}

std::optional<int64_t> product(std::span<const int64_t> dims) {
  int64_t result = 1;
  bool overflow = false, zero = false;
  for (const int64_t dim : dims) {
    if (dim < 0) return std::nullopt;
    zero |= dim == 0;
    overflow |= __builtin_mul_overflow(result, dim, &result);
  }
  if (zero) return 0;
  if (overflow) return std::nullopt;
  return result;
}

bool countable(std::span<const int64_t> dims) {
  constexpr int64_t kLimit = std::numeric_limits<int64_t>::max() / 32;
  int64_t result = 1;
  for (const int64_t dim : dims)
    if (dim < 0 || __builtin_mul_overflow(result, std::max<int64_t>(dim, 1), &result) || result > kLimit) return false;
  return true;
}

std::optional<size_t> normalize_axis(int64_t axis, size_t rank) {
  const auto r = static_cast<int64_t>(rank);
  if (axis < -r || axis >= r) return std::nullopt;
  return static_cast<size_t>(axis < 0 ? axis + r : axis);
}

bool broadcast(Dims& dims, std::span<const int64_t> other) {
  if (other.size() > dims.size()) dims.insert(dims.begin(), other.size() - dims.size(), 1);
  bool fits = true;
  const size_t offset = dims.size() - other.size();
  for (size_t i = 0; i < other.size(); ++i) {
    int64_t& dim = dims[offset + i];
    if (dim == other[i] || other[i] == 1) continue;
    fits &= dim == 1;
    dim = dim == 1 ? other[i] : std::max(dim, other[i]);
  }
  return fits;
}

int64_t ceil_div(int64_t a, int64_t b) { return a / b + (a % b > 0 ? 1 : 0); }

std::string to_string(std::span<const int64_t> dims) {
  std::string text = "[";
  for (size_t i = 0; i < dims.size(); ++i) {
    if (i > 0) text += ',';
    text += std::to_string(dims[i]);
  }
  return text + ']';
}

int64_t saturate(double value) {
  constexpr double kLimit = 9223372036854775808.0;  // 2^63
  if (std::isnan(value)) return 0;
  if (value >= kLimit) return std::numeric_limits<int64_t>::max();
  if (value < -kLimit) return std::numeric_limits<int64_t>::min();
  return static_cast<int64_t>(value);
}

}  // namespace allot::shape
