// SPDX-License-Identifier: Apache-2.0
// Transfers that divide the bandwidth of the links they have in common: max-min fair, in integers.
#pragma once

#include <cstdint>
#include <queue>
#include <utility>
#include <vector>

#include "base/csr.h"
#include "cluster/cluster.h"
#include "sim/timers.h"

namespace allot::sim {

/// Rates follow from the set of open transfers (progressive filling): of the channels that open transfers pass, the one
/// with the least whole bytes per second for each, of several the lowest-numbered, fixes the rate of those that pass
/// it, at least 1; what they take is gone on their other channels; and so on until all have a rate. Rates change only
/// when a transfer begins or ends. A transfer's last byte has left when rate times time, summed up, reaches its bytes,
/// at the next whole picosecond.
///
/// All transfers of one pair of devices have one rate, so a pair is served as a whole: a counter of what each of its
/// transfers got, and the counts at which they end. Pairs without a common channel know nothing of one another. A
/// change costs O(pairs it can touch x their channels + log transfers).
class FairShare {
 public:
  explicit FairShare(const cluster::Cluster& cluster);

  void clear();

  /// The transfer `id` of at least a byte, over a route with links.
  void begin(uint32_t id, cluster::DeviceId from, cluster::DeviceId to, int64_t bytes, int64_t now);
  /// When a last byte leaves next.
  int64_t earliest() const { return timers_.earliest(); }
  struct Sent {
    uint32_t id;
    int64_t latency_ps;  // after which its last byte arrives
  };
  /// Ends a transfer whose last byte leaves at earliest(), which is now.
  Sent end();

 private:
  using Work = unsigned __int128;  // picoseconds times bytes per second
  using Ending = std::pair<Work, uint32_t>;

  struct Pair {
    uint32_t group = 0;
    int64_t rate = 0;
    Work served = 0;                                                           // to each transfer since clear()
    std::priority_queue<Ending, std::vector<Ending>, std::greater<>> endings;  // by served at the end, then id
  };
  struct Group {
    std::vector<uint32_t> pairs, channels;
    int64_t since_ps = 0;  // served is up to date to here
  };
  void advance(Group& group, int64_t now);
  void share(Group& group);
  void set_timer(uint32_t group);
  int64_t left_ps(const Pair& pair) const;

  const cluster::Cluster* cluster_;
  std::vector<Pair> pairs_;     // from * devices + to
  std::vector<Group> groups_;   // of pairs that share channels, directly or through others
  std::vector<int64_t> rates_;  // of channels
  struct Load {
    int64_t left = 0, transfers = 0;
  };
  std::vector<Load> loads_;     // of channels, while shares are worked out
  std::vector<uint32_t> open_;  // pairs without a rate yet
  Timers timers_{0};            // by group
};

}  // namespace allot::sim
