// SPDX-License-Identifier: Apache-2.0
// When transfers run: every channel serves them in the order of asking, so the end is known when one is asked for.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "base/csr.h"
#include "base/error.h"
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

  explicit Wires(const cluster::Cluster& cluster) : cluster_(cluster), free_at_(cluster.num_channels, 0) {
    for (const cluster::Route& route : cluster.routes) {
      const bool queues = cluster.contention == cluster::Contention::link;
      channels_.add_row(queues ? route.channels : std::vector<uint32_t>{});
    }
  }

  void clear() { std::fill(free_at_.begin(), free_at_.end(), 0); }

  uint32_t lanes() const { return cluster_.num_channels; }
  uint32_t lane(cluster::DeviceId from, cluster::DeviceId to) const {
    const auto channels = channels_[from * cluster_.size() + to];
    return channels.empty() ? kNoLane : channels.front();
  }

  /// Takes the channels of the route as soon as all are free. Errors: unavailable without a route.
  Interval reserve(cluster::DeviceId from, cluster::DeviceId to, int64_t bytes, int64_t now) {
    const uint32_t pair = from * cluster_.size() + to;
    if (!cluster_.routes[pair].reachable) no_route(from, to);
    int64_t start = now;
    for (const uint32_t channel : channels_[pair]) start = std::max(start, free_at_[channel]);
    const int64_t end = start + cluster_.transfer_ps(from, to, bytes);
    for (const uint32_t channel : channels_[pair]) free_at_[channel] = end;
    return {start, end};
  }

 private:
  [[noreturn]] void no_route(cluster::DeviceId from, cluster::DeviceId to) const {
    throw base::Error(base::ErrorKind::unavailable, cluster_.path,
                      fmt::format("no route from device '{}' to '{}', but the placement sends a tensor that way",
                                  cluster_.devices[from].name, cluster_.devices[to].name),
                      "add a path between them or a default link to the cluster");
  }

  const cluster::Cluster& cluster_;
  base::Csr<uint32_t> channels_;  // from * devices + to -> channels that such a transfer waits for
  std::vector<int64_t> free_at_;  // by channel
};

}  // namespace allot::sim
