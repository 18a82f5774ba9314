// SPDX-License-Identifier: Apache-2.0
// A batch of pairs that is read in parts, as often as wanted, and never held whole.
#pragma once

#include <cstdint>

#include <ATen/core/Tensor.h>

#include "contrast/tower.h"

namespace allot::contrast {

enum class Side : uint8_t { first, second };

/// Pair i is row i of both sides; further rows of the second side are candidates that belong to no pair.
class Batch {
 public:
  virtual ~Batch() = default;
  virtual int64_t pairs() const = 0;
  virtual int64_t rows(Side side) const = 0;
  /// Rows [begin, begin + count) of a side for its network; the same whenever they are asked for. Safe from several
  /// threads.
  virtual Inputs inputs(Side side, int64_t begin, int64_t count) const = 0;
  /// [count, D]: embeddings of rows [begin, begin + count) that are known already, as those of a frozen tower;
  /// undefined: they are computed from inputs.
  virtual at::Tensor embeddings(Side, int64_t, int64_t) const { return {}; }
  /// int64 [rows]: rows of both sides with equal numbers are duplicates (Similarity); undefined: nobody looks.
  virtual at::Tensor groups(Side) const { return {}; }
};

/// Rows of a batch that one process has.
struct RowRange {
  int64_t begin = 0, end = 0;
  int64_t size() const { return end - begin; }
};

/// The part of rows [0, rows) that belongs to `rank` of `ranks`.
inline RowRange part_of(int64_t rows, int64_t rank, int64_t ranks) {
  return {rows * rank / ranks, rows * (rank + 1) / ranks};
}

}  // namespace allot::contrast
