// SPDX-License-Identifier: Apache-2.0
#include "run/crew.h"

namespace allot::run {

Crew::Crew(const std::vector<LocalDevice>& devices) {
  for (size_t d = 0; d < devices.size(); ++d) threads_.emplace_back([this, d, where = devices[d]] { serve(d, where); });
}

Crew::~Crew() {
  {
    const std::lock_guard lock(mutex_);
    ends_ = true;
  }
  started_.notify_all();
  for (auto& thread : threads_) thread.join();
}

void Crew::run(const std::function<void(size_t)>& body, const std::function<void()>& failed) {
  std::unique_lock lock(mutex_);
  body_ = &body;
  failed_ = &failed;
  error_ = nullptr;
  busy_ = threads_.size();
  ++round_;
  started_.notify_all();
  finished_.wait(lock, [&] { return busy_ == 0; });
  if (error_) std::rethrow_exception(error_);
}

void Crew::serve(size_t device, const LocalDevice& where) {
  bind_to(where);
  uint64_t seen = 0;
  std::unique_lock lock(mutex_);
  for (;;) {
    started_.wait(lock, [&] { return ends_ || round_ != seen; });
    if (ends_) return;
    seen = round_;
    lock.unlock();
    std::exception_ptr error;
    try {
      (*body_)(device);
    } catch (...) {
      error = std::current_exception();
      (*failed_)();
    }
    lock.lock();
    if (error && !error_) error_ = error;
    if (--busy_ == 0) finished_.notify_one();
  }
}

}  // namespace allot::run
