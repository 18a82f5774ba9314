// SPDX-License-Identifier: Apache-2.0
#include "run/mailbox.h"

#include <chrono>

namespace allot::run {
namespace {

// Waking a sleeping thread takes longer than most messages are away. Not by yielding: on a busy machine the core would
// be gone for milliseconds.
constexpr auto kSpin = std::chrono::microseconds(50);

}  // namespace

void Mailbox::push(Message message) {
  {
    const std::lock_guard lock(mutex_);
    messages_.push_back(std::move(message));
    size_ = messages_.size();
  }
  arrived_.notify_one();
}

std::optional<Message> Mailbox::poll() {
  if (size_ == 0) return std::nullopt;
  const std::lock_guard lock(mutex_);
  if (messages_.empty()) return std::nullopt;
  std::optional<Message> message = std::move(messages_.front());
  messages_.pop_front();
  size_ = messages_.size();
  return message;
}

std::optional<Message> Mailbox::wait() {
  const auto until = std::chrono::steady_clock::now() + kSpin;
  while (size_ == 0 && !closed_ && std::chrono::steady_clock::now() < until) {
  }
  {
    std::unique_lock lock(mutex_);
    arrived_.wait(lock, [&] { return !messages_.empty() || closed_; });
  }
  if (closed_) return std::nullopt;
  return poll();
}

void Mailbox::close() {
  {
    const std::lock_guard lock(mutex_);
    closed_ = true;
  }
  arrived_.notify_one();
}

}  // namespace allot::run
