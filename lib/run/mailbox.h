// SPDX-License-Identifier: Apache-2.0
// What devices of a run send each other.
#pragma once

#include <atomic>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <optional>

#include "exec/value.h"
#include "run/layout.h"

namespace allot::run {

struct Message {
  enum class Kind : uint8_t {
    value,    // of a slot, for its readers
    gradient  // of a slot, for its maker: the part of one device
  };
  Kind kind = Kind::value;
  exec::Slot slot = 0;
  DeviceId from = 0;
  uint32_t part = 0;  // of a gradient: whose of the slot's readers it is
  exec::Value value;  // still the sender's memory: the receiver copies. A gradient of zero is absent.
};

/// A queue with one reader.
class Mailbox {
 public:
  void push(Message message);
  /// The next message if there is one.
  std::optional<Message> poll();
  /// Waits for the next one; nothing once the mailbox is closed.
  std::optional<Message> wait();
  /// Wakes the reader for good: another device has failed.
  void close();

 private:
  std::mutex mutex_;
  std::condition_variable arrived_;
  std::deque<Message> messages_;
  std::atomic<size_t> size_ = 0;  // looked at without the lock
  std::atomic<bool> closed_ = false;
};

}  // namespace allot::run
