// SPDX-License-Identifier: Apache-2.0
#include "exec/live_bytes.h"

#include <algorithm>
#include <mutex>

#include <c10/core/Allocator.h>
#include <c10/util/ThreadLocalDebugInfo.h>

namespace allot::exec {

// The hook that torch has for profilers of memory. What was allocated before is reported as 0 bytes when it is freed.
class LiveBytes::Counter : public c10::MemoryReportingInfoBase {
 public:
  void reportMemoryUsage(void*, int64_t bytes, size_t, size_t, c10::Device) override {
    const std::lock_guard lock(mutex_);
    live_ += bytes;
    peak_ = std::max(peak_, live_);
  }
  bool memoryProfilingEnabled() const override { return true; }

  int64_t live() const {
    const std::lock_guard lock(mutex_);
    return live_;
  }
  int64_t peak() const {
    const std::lock_guard lock(mutex_);
    return peak_;
  }
  void reset_peak() {
    const std::lock_guard lock(mutex_);
    peak_ = live_;
  }

 private:
  mutable std::mutex mutex_;
  int64_t live_ = 0, peak_ = 0;
};

class LiveBytes::Guard : public c10::DebugInfoGuard {
 public:
  using c10::DebugInfoGuard::DebugInfoGuard;
};

LiveBytes::LiveBytes()
    : counter_(std::make_shared<Counter>()),
      guard_(std::make_unique<Guard>(c10::DebugInfoKind::PROFILER_STATE, counter_)) {}

LiveBytes::~LiveBytes() = default;

int64_t LiveBytes::live() const { return counter_->live(); }
int64_t LiveBytes::peak() const { return counter_->peak(); }
void LiveBytes::reset_peak() { counter_->reset_peak(); }

}  // namespace allot::exec
