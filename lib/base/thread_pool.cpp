// SPDX-License-Identifier: Apache-2.0
#include "base/thread_pool.h"

#include <utility>

#include "base/parallel.h"

namespace allot::base {

ThreadPool::ThreadPool(unsigned threads) {
  for (unsigned thread = 1; thread < resolve_threads(threads); ++thread)
    helpers_.emplace_back([this, thread] { serve(thread); });
}

ThreadPool::~ThreadPool() {
  {
    const std::lock_guard lock(mutex_);
    ends_ = true;
  }
  started_.notify_all();
  for (auto& helper : helpers_) helper.join();
}

void ThreadPool::run(size_t shards, const Body& body) {
  {
    const std::lock_guard lock(mutex_);
    body_ = &body;
    shards_ = shards;
    next_ = 0;
    ++round_;
    open_ = shards > 1;
  }
  if (shards > 1) started_.notify_all();
  work(0);
  std::unique_lock lock(mutex_);
  open_ = false;
  finished_.wait(lock, [&] { return active_ == 0; });
  if (failure_) std::rethrow_exception(std::exchange(failure_, nullptr));
}

void ThreadPool::serve(unsigned thread) {
  uint64_t seen = 0;
  std::unique_lock lock(mutex_);
  for (;;) {
    started_.wait(lock, [&] { return ends_ || (open_ && round_ != seen); });
    if (ends_) return;
    seen = round_;
    ++active_;
    lock.unlock();
    work(thread);
    lock.lock();
    if (--active_ == 0) finished_.notify_one();
  }
}

void ThreadPool::work(unsigned thread) {
  for (size_t shard; (shard = next_.fetch_add(1)) < shards_;) {
    try {
      (*body_)(shard, thread);
    } catch (...) {
      note_failure(shard);
    }
  }
}

void ThreadPool::note_failure(size_t shard) {
  const std::lock_guard lock(mutex_);
  if (failure_ && failed_shard_ < shard) return;
  failed_shard_ = shard;
  failure_ = std::current_exception();
}

}  // namespace allot::base
