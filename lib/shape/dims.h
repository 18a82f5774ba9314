// SPDX-License-Identifier: Apache-2.0
// Checked arithmetic on dimensions: every operand comes from a file and may be anything.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace allot::shape {

using Dims = std::vector<int64_t>;

/// More dimensions than any runtime takes; a bound on what a hostile file can make us copy per value.
constexpr size_t kMaxRank = 64;

std::optional<int64_t> checked_add(int64_t a, int64_t b);
std::optional<int64_t> checked_mul(int64_t a, int64_t b);

/// Product of dims, 1 when there are none, 0 as soon as one is 0; nullopt for a negative one or over int64.
std::optional<int64_t> product(std::span<const int64_t> dims);

/// Whether a tensor of any element type has fewer bytes than 63 bits can count, zeros taken as ones, so that sums and
/// products of a few dimensions cannot overflow either.
bool countable(std::span<const int64_t> dims);

/// `axis`, counted from the end when negative, as an index below `rank`; nullopt when out of range.
std::optional<size_t> normalize_axis(int64_t axis, size_t rank);

/// Merges `other` into `dims` by NumPy's rules. False when two sizes differ and neither is 1: the larger stays.
bool broadcast(Dims& dims, std::span<const int64_t> other);

/// Smallest integer >= a / b for b > 0.
int64_t ceil_div(int64_t a, int64_t b);

/// "[2,3]"; "[]" is a scalar.
std::string to_string(std::span<const int64_t> dims);

/// The nearest int64 of a double that should be an integer: saturates, NaN gives 0.
int64_t saturate(double value);

}  // namespace allot::shape
