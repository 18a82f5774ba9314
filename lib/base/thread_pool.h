// SPDX-License-Identifier: Apache-2.0
// Threads that are kept from one piece of work to the next, for pieces too short to start threads for.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace allot::base {

class ThreadPool {
 public:
  /// threads: 0 = all cores. The caller of run() is one of them.
  explicit ThreadPool(unsigned threads = 0);
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  unsigned threads() const { return static_cast<unsigned>(helpers_.size()) + 1; }

  /// body(shard, thread) once for each shard in [0, shards), where thread < threads(), and waits. A helper that the
  /// system has not woken when the last shard is taken is not waited for. One caller at a time.
  /// The first exception of the lowest-numbered failing shard is rethrown after all have ended.
  using Body = std::function<void(size_t shard, unsigned thread)>;
  void run(size_t shards, const Body& body);

 private:
  void serve(unsigned thread);
  void work(unsigned thread);
  void note_failure(size_t shard);

  std::mutex mutex_;
  std::condition_variable started_, finished_;
  const Body* body_ = nullptr;
  size_t shards_ = 0;
  std::atomic<size_t> next_{0};
  uint64_t round_ = 0;
  bool open_ = false, ends_ = false;
  unsigned active_ = 0;  // helpers at work
  size_t failed_shard_ = 0;
  std::exception_ptr failure_;
  std::vector<std::thread> helpers_;  // last: they use the rest
};

}  // namespace allot::base
