// SPDX-License-Identifier: Apache-2.0
// Work cut into a fixed number of shards: threads only change who runs a shard, never the result.
#pragma once

#include <cstddef>
#include <functional>

namespace allot::base {

/// Runs body(shard) once for each shard in [0, shards) on up to `threads` threads (0 = all cores) and waits.
/// The first exception of the lowest-numbered failing shard is rethrown after all have ended.
void parallel_for(size_t shards, unsigned threads, const std::function<void(size_t)>& body);

/// 0 -> the number of cores this process may use.
unsigned resolve_threads(unsigned threads);

}  // namespace allot::base
