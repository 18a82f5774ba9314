// SPDX-License-Identifier: Apache-2.0
// When transfers run: every channel serves them in the order of asking, so the end is known when one is asked for.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "base/csr.h"
#include "cluster/cluster.h"

namespace allot::sim {

struct Interval {
  int64_t start_ps, end_ps;
};

class Wires {
 public:
  /// Transfers in one lane end in the order of asking: they share a channel, the lane's number. Those that share
  /// none, being free of contention, have no lane.
  static constexpr uint32_t kNoLane = ~uint32_t{0};

  explicit Wires(const cluster::Cluster& cluster);
  Wires(const Wires&) = default;
  /// Takes over the state of wires of the same cluster.
  Wires& operator=(const Wires& other) {
    free_at_ = other.free_at_;
    return *this;
  }

  void clear() { std::fill(free_at_.begin(), free_at_.end(), 0); }

  uint32_t lanes() const { return cluster_.num_channels; }
  uint32_t lane(cluster::DeviceId from, cluster::DeviceId to) const {
    const auto waited_for = channels(from, to);
    return waited_for.empty() ? kNoLane : waited_for.front();
  }
  /// Those that a transfer waits for and holds. Errors: unavailable without a route.
  std::span<const uint32_t> channels(cluster::DeviceId from, cluster::DeviceId to) const {
    const uint32_t pair = from * cluster_.size() + to;
    if (!cluster_.routes[pair].reachable) no_route(from, to);
    return channels_[pair];
  }

  /// When a transfer that is asked for at `now` would run: as soon as all channels of its route are free.
  /// Errors: unavailable without a route.
  Interval preview(cluster::DeviceId from, cluster::DeviceId to, int64_t bytes, int64_t now) const {
    const uint32_t pair = from * cluster_.size() + to;
    if (!cluster_.routes[pair].reachable) no_route(from, to);
    int64_t start = now;
    for (const uint32_t channel : channels_[pair]) start = std::max(start, free_at_[channel]);
    return {start, start + cluster_.transfer_ps(from, to, bytes)};
  }
  /// The same, and takes the channels.
  Interval reserve(cluster::DeviceId from, cluster::DeviceId to, int64_t bytes, int64_t now) {
    const Interval interval = preview(from, to, bytes, now);
    for (const uint32_t channel : channels_[from * cluster_.size() + to]) free_at_[channel] = interval.end_ps;
    return interval;
  }

 private:
  [[noreturn]] void no_route(cluster::DeviceId from, cluster::DeviceId to) const;

  const cluster::Cluster& cluster_;
  base::Csr<uint32_t> channels_;  // from * devices + to -> channels that such a transfer waits for
  std::vector<int64_t> free_at_;  // by channel
};

}  // namespace allot::sim
