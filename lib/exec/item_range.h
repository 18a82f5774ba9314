// SPDX-License-Identifier: Apache-2.0
// Which items of a larger batch a run holds, so that each gets the same random numbers in whatever part it comes.
#pragma once

#include <cstdint>

namespace allot::exec {

/// While it lives, Dropout on this thread draws for items [first, first + count) of a batch: an element's number
/// follows from its item's number in that batch, not from its place in the tensor. Values must have the batch as the
/// outermost part of their first axis: [count, ...] or [count * k, ...]. What is computed again for gradients (remat.h)
/// must be so within the same range. A guard like those of torch: what does not split batches need not know of it.
class ItemRange {
 public:
  ItemRange(int64_t first, int64_t count);
  ~ItemRange();
  ItemRange(const ItemRange&) = delete;
  ItemRange& operator=(const ItemRange&) = delete;

  /// The number of the first random element of a value with `elements`; 0 where there is no range.
  static int64_t first_element(int64_t elements);

 private:
  int64_t outer_first_, outer_count_;
};

}  // namespace allot::exec
