// SPDX-License-Identifier: Apache-2.0
#include "base/parallel.h"

#include <algorithm>
#include <thread>

#include <sched.h>

#include "base/thread_pool.h"

namespace allot::base {

unsigned resolve_threads(unsigned threads) {
  if (threads > 0) return threads;
  cpu_set_t set;
  if (::sched_getaffinity(0, sizeof set, &set) == 0) return static_cast<unsigned>(std::max(1, CPU_COUNT(&set)));
  return std::max(1u, std::thread::hardware_concurrency());
}

void parallel_for(size_t shards, unsigned threads, const std::function<void(size_t)>& body) {
  if (shards == 0) return;
  ThreadPool pool(static_cast<unsigned>(std::min<size_t>(resolve_threads(threads), shards)));
  pool.run(shards, [&](size_t shard, unsigned) { body(shard); });
}

}  // namespace allot::base
