// SPDX-License-Identifier: Apache-2.0
#include "exec/item_range.h"

namespace allot::exec {
namespace {

thread_local int64_t first_item = 0, items = 0;  // 0 items: no range

}  // namespace

ItemRange::ItemRange(int64_t first, int64_t count) : outer_first_(first_item), outer_count_(items) {
  first_item = first;
  items = count;
}

ItemRange::~ItemRange() {
  first_item = outer_first_;
  items = outer_count_;
}

int64_t ItemRange::first_element(int64_t elements) { return items > 0 ? first_item * (elements / items) : 0; }

}  // namespace allot::exec
