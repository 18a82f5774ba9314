// SPDX-License-Identifier: Apache-2.0
#include "base/parallel.h"

#include <algorithm>
#include <atomic>
#include <exception>
#include <thread>
#include <vector>

#include <sched.h>

namespace allot::base {

unsigned resolve_threads(unsigned threads) {
  if (threads > 0) return threads;
  cpu_set_t set;
  if (::sched_getaffinity(0, sizeof set, &set) == 0) return static_cast<unsigned>(std::max(1, CPU_COUNT(&set)));
  return std::max(1u, std::thread::hardware_concurrency());
}

void parallel_for(size_t shards, unsigned threads, const std::function<void(size_t)>& body) {
  const size_t workers = std::min<size_t>(resolve_threads(threads), shards);
  std::vector<std::exception_ptr> failures(shards);
  std::atomic<size_t> next{0};
  const auto work = [&] {
    for (size_t shard; (shard = next.fetch_add(1)) < shards;) {
      try {
        body(shard);
      } catch (...) {
        failures[shard] = std::current_exception();
      }
    }
  };
  std::vector<std::thread> helpers;
  for (size_t i = 1; i < workers; ++i) helpers.emplace_back(work);
  work();
  for (auto& helper : helpers) helper.join();
  for (const auto& failure : failures)
    if (failure) std::rethrow_exception(failure);
}

}  // namespace allot::base
