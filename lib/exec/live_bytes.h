// SPDX-License-Identifier: Apache-2.0
// How many bytes tensors hold, counted at torch's allocator: the same at every run, unlike the process's memory.
#pragma once

#include <cstdint>
#include <memory>

namespace allot::exec {

/// Counts what this thread allocates and frees from construction to destruction, what others do on its behalf
/// (torch's own threads) included. One at a time on a thread. Slows allocations down.
class LiveBytes {
 public:
  LiveBytes();
  ~LiveBytes();
  LiveBytes(const LiveBytes&) = delete;
  LiveBytes& operator=(const LiveBytes&) = delete;

  /// Bytes that are held now, less those freed that are older than the count.
  int64_t live() const;
  /// The most at a time since the beginning or the last reset_peak().
  int64_t peak() const;
  void reset_peak();

 private:
  class Counter;
  class Guard;
  std::shared_ptr<Counter> counter_;
  std::unique_ptr<Guard> guard_;
};

}  // namespace allot::exec
