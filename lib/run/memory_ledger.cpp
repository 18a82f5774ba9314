// SPDX-License-Identifier: Apache-2.0
#include "run/memory_ledger.h"

#include <algorithm>

#include <c10/core/Allocator.h>
#include <c10/util/ThreadLocalDebugInfo.h>

namespace allot::run {
namespace {

// The hook that torch has for profilers of memory.
class Reporter : public c10::MemoryReportingInfoBase {
 public:
  Reporter(MemoryLedger& ledger, DeviceId device) : ledger_(ledger), device_(device) {}
  void reportMemoryUsage(void* block, int64_t bytes, size_t, size_t, c10::Device) override {
    if (bytes > 0)
      ledger_.add(block, bytes, device_);
    else
      ledger_.remove(block);
  }
  bool memoryProfilingEnabled() const override { return true; }

 private:
  MemoryLedger& ledger_;
  const DeviceId device_;
};

}  // namespace

void MemoryLedger::count(DeviceId device, const std::function<void()>& body) {
  const c10::DebugInfoGuard guard(c10::DebugInfoKind::PROFILER_STATE, std::make_shared<Reporter>(*this, device));
  body();
}

void MemoryLedger::add(const void* block, int64_t bytes, DeviceId device) {
  const std::lock_guard lock(mutex_);
  blocks_[block] = {bytes, device};
  live_[device] += bytes;
  peak_[device] = std::max(peak_[device], live_[device]);
}

void MemoryLedger::remove(const void* block) {
  const std::lock_guard lock(mutex_);
  const auto found = blocks_.find(block);
  if (found == blocks_.end()) return;  // older than the count
  live_[found->second.second] -= found->second.first;
  blocks_.erase(found);
}

}  // namespace allot::run
