// SPDX-License-Identifier: Apache-2.0
// Ranks that are threads of one process, for tests.
#pragma once

#include <algorithm>
#include <atomic>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

#include "dist/ranks.h"

namespace allot::test {

/// What all ranks of a job share.
struct Wires {
  explicit Wires(uint32_t ranks) : inboxes(ranks), dead(ranks) {}
  std::mutex mutex;
  std::vector<std::deque<dist::Received>> inboxes;
  std::vector<std::atomic<bool>> dead;  // by rank: it says nothing any more, and gets nothing
};

class LocalRank : public dist::Ranks {
 public:
  LocalRank(Wires& wires, uint32_t rank) : wires_(wires), rank_(rank) {}

  uint32_t rank() const override { return rank_; }
  uint32_t size() const override { return static_cast<uint32_t>(wires_.inboxes.size()); }
  unsigned cores() const override { return 1; }
  void send(uint32_t to, std::string bytes) override {
    const std::lock_guard lock(wires_.mutex);
    if (!wires_.dead[rank_] && !wires_.dead[to]) wires_.inboxes[to].push_back({rank_, std::move(bytes)});
  }
  std::optional<dist::Received> receive() override {
    const std::lock_guard lock(wires_.mutex);
    auto& inbox = wires_.inboxes[rank_];
    if (inbox.empty() || wires_.dead[rank_]) return std::nullopt;
    dist::Received received = std::move(inbox.front());
    inbox.pop_front();
    return received;
  }
  bool has_sent() override { return true; }
  bool barrier(const std::function<bool()>&) override { return true; }
  void forsake() override { forsaken = true; }

  std::atomic<bool> forsaken = false;

 private:
  Wires& wires_;
  const uint32_t rank_;
};

/// Runs body(rank) for each of as many ranks, side by side.
inline void run_ranks(uint32_t count, const std::function<void(LocalRank&, Wires&)>& body) {
  Wires wires(count);
  std::vector<std::thread> threads;
  for (uint32_t rank = 0; rank < count; ++rank)
    threads.emplace_back([&, rank] {
      LocalRank self(wires, rank);
      body(self, wires);
    });
  for (std::thread& thread : threads) thread.join();
}

}  // namespace allot::test
