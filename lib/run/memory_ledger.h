// SPDX-License-Identifier: Apache-2.0
// How much memory each device of the processor holds at most: what torch's allocator gives and takes, by thread.
#pragma once

#include <cstdint>
#include <functional>
#include <mutex>
#include <unordered_map>
#include <utility>
#include <vector>

#include "run/layout.h"

namespace allot::run {

class MemoryLedger {
 public:
  explicit MemoryLedger(size_t devices) : live_(devices), peak_(devices) {}

  /// Runs `body`; what it allocates on this thread counts as that device's, whoever frees it. Slows allocations down.
  void count(DeviceId device, const std::function<void()>& body);

  void add(const void* block, int64_t bytes, DeviceId device);
  void remove(const void* block);
  /// What another process has counted.
  void set_peak(DeviceId device, int64_t bytes) { peak_[device] = bytes; }
  /// Largest number of bytes at a time, by device.
  const std::vector<int64_t>& peaks() const { return peak_; }

 private:
  std::mutex mutex_;
  std::unordered_map<const void*, std::pair<int64_t, DeviceId>> blocks_;
  std::vector<int64_t> live_, peak_;
};

}  // namespace allot::run
