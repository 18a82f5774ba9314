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
  int64_t start_ps;
  int64_t receive_ps;  // when its destination begins to take it in: the start, but where it is forwarded in legs
  int64_t end_ps;
};

/// A channel is whatever serves one transfer at a time: a direction of a link, a device's bus or port, a copy engine,
/// the compute of a device. All modes of contention differ only in which channels the way of a transfer has, and in
/// whether it holds them all at once (one leg) or leg by leg.
class Wires {
 public:
  /// Transfers in one lane are received one after another in the order of asking: they share the lane's channel, and
  /// end there. Those that share none, being free of contention, have no lane.
  static constexpr uint32_t kNoLane = ~uint32_t{0};

  explicit Wires(const cluster::Cluster& cluster);
  Wires(const Wires&) = default;
  /// Takes over the state of wires of the same cluster.
  Wires& operator=(const Wires& other) {
    free_at_ = other.free_at_;
    return *this;
  }

  void clear() { std::fill(free_at_.begin(), free_at_.end(), 0); }

  uint32_t lanes() const { return static_cast<uint32_t>(free_at_.size()); }
  uint32_t lane(cluster::DeviceId from, cluster::DeviceId to) const { return lanes_[pair(from, to)]; }

  /// When a transfer that is asked for at `now` would run: as soon as the channels of its way are free.
  /// Errors: unavailable without a route.
  Interval preview(cluster::DeviceId from, cluster::DeviceId to, int64_t bytes, int64_t now) const {
    if (several_legs_) return preview_legs(from, to, bytes, now);
    const Wire& wire = leg_wires_[pair(from, to)];
    if (!wire.reachable) no_route(from, to);
    int64_t start = now;
    for (const uint32_t channel : channels_[pair(from, to)]) start = std::max(start, free_at_[channel]);
    return {start, start, start + wire.duration_ps(bytes)};
  }
  /// The same, and takes the channels.
  Interval reserve(cluster::DeviceId from, cluster::DeviceId to, int64_t bytes, int64_t now) {
    const Interval interval = preview(from, to, bytes, now);
    if (several_legs_) {
      hold_legs(from, to, bytes, now);
    } else {
      for (const uint32_t channel : channels_[pair(from, to)]) free_at_[channel] = interval.end_ps + gap_ps_;
    }
    return interval;
  }
  /// One transfer to all devices of the set `to`, in as long as the slowest takes.
  Interval reserve_once(cluster::DeviceId from, uint64_t to, int64_t bytes, int64_t now);

  // -- where transfers block computing: a device's compute is a channel
  bool blocks_compute() const { return compute_ != kNoLane; }
  /// An op takes it until `end`.
  void occupy(cluster::DeviceId device, int64_t end) {
    free_at_[compute(device)] = std::max(free_at_[compute(device)], end);
  }
  uint32_t compute(cluster::DeviceId device) const { return compute_ + device; }
  bool is_compute(uint32_t channel) const { return blocks_compute() && channel >= compute_; }

  /// The channels of the first leg: those a transfer waits for before it starts.
  std::span<const uint32_t> start_channels(cluster::DeviceId from, cluster::DeviceId to) const {
    return channels_[first_leg_[pair(from, to)]];
  }
  /// All that a transfer waits for and holds. Errors: unavailable without a route.
  std::span<const uint32_t> channels(cluster::DeviceId from, cluster::DeviceId to) const {
    if (!cluster_.routes[pair(from, to)].reachable) no_route(from, to);
    const auto first = channels_[first_leg_[pair(from, to)]], last = channels_[first_leg_[pair(from, to) + 1] - 1];
    return {first.data(), last.data() + last.size()};
  }
  int64_t free_at(uint32_t channel) const { return free_at_[channel]; }
  /// False where the two share memory.
  bool has_links(cluster::DeviceId from, cluster::DeviceId to) const {
    return !cluster_.routes[pair(from, to)].channels.empty();
  }
  bool several_legs() const { return several_legs_; }

 private:
  struct Wire {
    int64_t latency_ps;
    double bandwidth_bytes_per_s;
    uint64_t rate;  // whole bytes per second; 0 = nothing has to move
    bool reachable;

    /// cluster::wire_ps, with less to do in the usual case.
    int64_t duration_ps(int64_t bytes) const {
      constexpr uint64_t kPicoseconds = 1'000'000'000'000, kMostBytes = uint64_t{1} << 22;
      if (rate == 0) return std::min(latency_ps, cluster::kNever);
      if (static_cast<uint64_t>(bytes) > kMostBytes) return cluster::wire_ps(latency_ps, bandwidth_bytes_per_s, bytes);
      const uint64_t work = static_cast<uint64_t>(bytes) * kPicoseconds;
      return std::min(latency_ps + static_cast<int64_t>((work + rate - 1) / rate), cluster::kNever);
    }
  };
  template <typename Visit>
  Interval walk(cluster::DeviceId from, cluster::DeviceId to, int64_t bytes, int64_t now, const Visit& visit) const;
  Interval preview_legs(cluster::DeviceId from, cluster::DeviceId to, int64_t bytes, int64_t now) const;
  void hold_legs(cluster::DeviceId from, cluster::DeviceId to, int64_t bytes, int64_t now);
  uint32_t pair(cluster::DeviceId from, cluster::DeviceId to) const { return from * cluster_.size() + to; }
  [[noreturn]] void no_route(cluster::DeviceId from, cluster::DeviceId to) const;

  const cluster::Cluster& cluster_;
  bool several_legs_ = false;        // else leg and pair have one number
  std::vector<uint32_t> first_leg_;  // from * devices + to -> its legs, up to the next pair's
  std::vector<uint32_t> lanes_;      // from * devices + to -> last channel of the last leg
  std::vector<Wire> leg_wires_;      // by leg
  base::Csr<uint32_t> channels_;     // leg -> channels that it waits for and holds
  std::vector<int64_t> free_at_;     // by channel
  uint32_t compute_ = kNoLane;       // channel of device 0's compute, the others' follow
  int64_t gap_ps_ = 0;
};

}  // namespace allot::sim
