// SPDX-License-Identifier: Apache-2.0
// What a step costs as a page.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "contrast/bench.h"

namespace allot::contrast {

/// Curves of memory and of CPU time over the size of the batch, beside one graph's where there are such rows, and
/// beside what `dimension` numbers a side take: embeddings and their gradients, 16 bytes each a pair.
std::string bench_page(const std::vector<BenchRow>& rows, int64_t dimension);

}  // namespace allot::contrast
