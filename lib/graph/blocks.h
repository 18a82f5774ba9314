// SPDX-License-Identifier: Apache-2.0
// Blocks that repeat in a sequence of ops: layers, branches, cells of an unrolled recurrence.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace allot::graph {

/// By position: the number of its block, or ~0 outside of any. From the first position on, the shortest stretch that is
/// followed by its like starts a row of blocks, as many as are alike; stretches of one position do not count. O(n).
std::vector<uint32_t> repeated_blocks(std::span<const uint64_t> kind);

}  // namespace allot::graph
