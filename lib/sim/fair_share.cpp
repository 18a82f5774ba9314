// SPDX-License-Identifier: Apache-2.0
#include "sim/fair_share.h"

#include <algorithm>
#include <numeric>

namespace allot::sim {

using cluster::DeviceId;

namespace {

constexpr uint64_t kPicoseconds = 1'000'000'000'000;

/// A label a pair: equal where routes have a channel in common, directly or through other routes.
std::vector<uint32_t> connected(const cluster::Cluster& cluster) {
  std::vector<uint32_t> parent(cluster.num_channels);
  std::iota(parent.begin(), parent.end(), 0u);
  const auto root = [&](uint32_t channel) {
    while (parent[channel] != channel) channel = parent[channel] = parent[parent[channel]];
    return channel;
  };
  for (const cluster::Route& route : cluster.routes)
    for (const uint32_t channel : route.channels) parent[root(channel)] = root(route.channels.front());
  std::vector<uint32_t> labels;
  for (const cluster::Route& route : cluster.routes)
    labels.push_back(route.channels.empty() ? 0 : root(route.channels.front()));
  return labels;
}

}  // namespace

FairShare::FairShare(const cluster::Cluster& cluster)
    : cluster_(&cluster),
      pairs_(cluster.routes.size()),
      groups_(cluster.num_channels),
      rates_(cluster.num_channels),
      loads_(cluster.num_channels),
      timers_(cluster.num_channels) {
  const std::vector<uint32_t> labels = connected(cluster);
  for (uint32_t pair = 0; pair < pairs_.size(); ++pair) {
    const cluster::Route& route = cluster.routes[pair];
    if (route.channels.empty()) continue;
    pairs_[pair].group = labels[pair];
    groups_[labels[pair]].pairs.push_back(pair);
    auto& channels = groups_[labels[pair]].channels;
    channels.insert(channels.end(), route.channels.begin(), route.channels.end());
    for (size_t i = 0; i < route.channels.size(); ++i)
      rates_[route.channels[i]] =
          static_cast<int64_t>(cluster::whole_rate(cluster.links[route.links[i]].bandwidth_bytes_per_s));
  }
  for (Group& group : groups_) {
    std::sort(group.channels.begin(), group.channels.end());
    group.channels.erase(std::unique(group.channels.begin(), group.channels.end()), group.channels.end());
  }
}

void FairShare::clear() {
  for (Pair& pair : pairs_) {
    pair.rate = 0;
    pair.served = 0;
    pair.endings = {};
  }
  for (Group& group : groups_) group.since_ps = 0;
  timers_.clear();
}

void FairShare::begin(uint32_t id, DeviceId from, DeviceId to, int64_t bytes, int64_t now) {
  Pair& pair = pairs_[from * cluster_->size() + to];
  Group& group = groups_[pair.group];
  advance(group, now);
  pair.endings.emplace(pair.served + Work{static_cast<uint64_t>(bytes)} * kPicoseconds, id);
  share(group);
  set_timer(pair.group);
}

FairShare::Sent FairShare::end() {
  const auto group_id = static_cast<uint32_t>(timers_.first());
  Group& group = groups_[group_id];
  advance(group, timers_.earliest());
  const auto due = std::find_if(group.pairs.begin(), group.pairs.end(),
                                [&](uint32_t id) { return !pairs_[id].endings.empty() && left_ps(pairs_[id]) == 0; });
  Pair& pair = pairs_[*due];
  const Sent sent{pair.endings.top().second, cluster_->routes[*due].latency_ps};
  pair.endings.pop();
  share(group);
  set_timer(group_id);
  return sent;
}

void FairShare::advance(Group& group, int64_t now) {
  const auto passed = static_cast<uint64_t>(now - group.since_ps);
  group.since_ps = now;
  if (passed == 0) return;
  for (const uint32_t id : group.pairs) pairs_[id].served += Work{static_cast<uint64_t>(pairs_[id].rate)} * passed;
}

void FairShare::share(Group& group) {
  for (const uint32_t channel : group.channels) loads_[channel] = {.left = rates_[channel]};
  open_.clear();
  for (const uint32_t id : group.pairs) {
    pairs_[id].rate = 0;
    if (pairs_[id].endings.empty()) continue;
    open_.push_back(id);
    for (const uint32_t channel : cluster_->routes[id].channels)
      loads_[channel].transfers += static_cast<int64_t>(pairs_[id].endings.size());
  }
  while (!open_.empty()) {
    int64_t least = 0;
    uint32_t narrowest = 0;
    for (const uint32_t channel : group.channels) {
      if (loads_[channel].transfers == 0) continue;
      const int64_t each = std::max<int64_t>(1, loads_[channel].left / loads_[channel].transfers);
      if (least == 0 || each < least) least = each, narrowest = channel;
    }
    std::erase_if(open_, [&](uint32_t id) {
      const auto& channels = cluster_->routes[id].channels;
      if (std::find(channels.begin(), channels.end(), narrowest) == channels.end()) return false;
      pairs_[id].rate = least;
      const auto transfers = static_cast<int64_t>(pairs_[id].endings.size());
      for (const uint32_t channel : channels) {
        loads_[channel].transfers -= transfers;
        loads_[channel].left -= least * transfers;
      }
      return true;
    });
  }
}

/// Until the first transfer of the pair has got its bytes.
int64_t FairShare::left_ps(const Pair& pair) const {
  const Work goal = pair.endings.top().first;
  if (pair.served >= goal) return 0;
  const auto rate = static_cast<uint64_t>(pair.rate);
  return static_cast<int64_t>((goal - pair.served + (rate - 1)) / rate);
}

void FairShare::set_timer(uint32_t group) {
  int64_t next = Timers::kNever;
  for (const uint32_t id : groups_[group].pairs)
    if (!pairs_[id].endings.empty()) next = std::min(next, groups_[group].since_ps + left_ps(pairs_[id]));
  timers_.set(group, next);
}

}  // namespace allot::sim
