// SPDX-License-Identifier: Apache-2.0
// Statistics that layer normalizations give beside their result.
#pragma once

#include "shape/context.h"

namespace allot::shape {

/// Outputs first..last: the input's dimensions with those from `axis` on reduced to 1.
void set_row_statistics(Context& c, size_t first, size_t last, int64_t axis, ir::DataType elem);

}  // namespace allot::shape
