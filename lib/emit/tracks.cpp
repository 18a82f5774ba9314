// SPDX-License-Identifier: Apache-2.0
#include "emit/tracks.h"

#include <algorithm>
#include <functional>
#include <map>
#include <queue>
#include <set>

#include <fmt/format.h>

namespace allot::emit {
namespace {

using cluster::Cluster;
using cluster::DeviceId;
using Pair = std::pair<DeviceId, DeviceId>;

/// Channels are numbered link after link, a full-duplex one taking two: forward, then back.
std::vector<std::string> wire_names(const Cluster& cluster) {
  std::vector<std::string> names;
  for (const cluster::Link& link : cluster.links) {
    if (link.full_duplex) {
      names.push_back(link.name + " →");
      names.push_back(link.name + " ←");
    } else {
      names.push_back(link.name);
    }
  }
  return names;
}

std::vector<std::vector<Pair>> pairs_of_channel(const Cluster& cluster) {
  std::vector<std::vector<Pair>> pairs(cluster.num_channels);
  for (DeviceId from = 0; from < cluster.size(); ++from)
    for (DeviceId to = 0; to < cluster.size(); ++to)
      for (const uint32_t channel : cluster.route(from, to).channels) pairs[channel].emplace_back(from, to);
  return pairs;
}

std::string pair_name(const Cluster& cluster, Pair pair, const char* arrow) {
  return fmt::format("{} {} {}", cluster.devices[pair.first].name, arrow, cluster.devices[pair.second].name);
}

Track channel_track(const Cluster& cluster, const std::string& wire_name, const std::vector<Pair>& pairs) {
  Track track;
  const bool both_ways = pairs.size() == 2 && pairs[0].first == pairs[1].second && pairs[0].second == pairs[1].first;
  track.name = pairs.size() == 1 ? pair_name(cluster, pairs[0], "→")
               : both_ways       ? pair_name(cluster, pairs[0], "↔")
                                 : wire_name;
  const auto same_sender = [&](const Pair& pair) { return pair.first == pairs[0].first; };
  if (std::all_of(pairs.begin(), pairs.end(), same_sender)) track.device = pairs[0].first;
  return track;
}

void sort_slices(Track& track) {
  std::sort(track.slices.begin(), track.slices.end(), [](const Slice& a, const Slice& b) {
    return std::tie(a.start_ps, a.end_ps, a.id) < std::tie(b.start_ps, b.end_ps, b.id);
  });
}

/// Tracks of wires by channel, then of pairs without a channel; empty ones left out.
std::vector<Track> wire_tracks(const Cluster& cluster, const sim::Outcome& outcome) {
  std::map<uint32_t, Track> by_channel;
  std::map<Pair, Track> by_pair;
  const auto names = wire_names(cluster);
  const auto pairs = pairs_of_channel(cluster);
  for (uint32_t i = 0; i < outcome.transfers.size(); ++i) {
    const sim::Transfer& transfer = outcome.transfers[i];
    const Slice slice{transfer.start_ps, transfer.end_ps, i};
    const Pair pair{transfer.from, transfer.to};
    const cluster::Route& route = cluster.route(transfer.from, transfer.to);
    for (const uint32_t channel : route.channels) {
      const auto [entry, added] = by_channel.try_emplace(channel);
      if (added) entry->second = channel_track(cluster, names[channel], pairs[channel]);
      entry->second.slices.push_back(slice);
    }
    if (!route.channels.empty()) continue;
    const auto [entry, added] = by_pair.try_emplace(pair);
    if (added) entry->second = Track{pair_name(cluster, pair, "→"), false, transfer.from, {}};
    entry->second.slices.push_back(slice);
  }
  std::vector<Track> result;
  for (auto& [channel, track] : by_channel) result.push_back(std::move(track));
  for (auto& [pair, track] : by_pair) result.push_back(std::move(track));
  return result;
}

}  // namespace

int64_t Track::busy_ps() const {
  int64_t sum = 0;
  for (const Slice& slice : slices) sum += slice.end_ps - slice.start_ps;
  return sum;
}

std::vector<Track> tracks(const Cluster& cluster, const std::vector<DeviceId>& placement, const sim::Outcome& outcome) {
  std::vector<Track> result;
  for (DeviceId device = 0; device < cluster.size(); ++device)
    result.push_back({cluster.devices[device].name, true, device, {}});
  for (uint32_t op = 0; op < placement.size(); ++op)
    result[placement[op]].slices.push_back({outcome.start_ps[op], outcome.end_ps[op], op});
  for (Track& track : wire_tracks(cluster, outcome)) result.push_back(std::move(track));
  for (Track& track : result) sort_slices(track);
  return result;
}

std::vector<uint32_t> rows(const std::vector<Slice>& slices) {
  using Busy = std::pair<int64_t, uint32_t>;  // end, row
  std::priority_queue<Busy, std::vector<Busy>, std::greater<>> busy;
  std::set<uint32_t> idle;
  std::vector<uint32_t> result;
  uint32_t used = 0;
  for (const Slice& slice : slices) {
    for (; !busy.empty() && busy.top().first <= slice.start_ps; busy.pop()) idle.insert(busy.top().second);
    if (idle.empty()) idle.insert(used++);
    const uint32_t row = *idle.begin();
    idle.erase(idle.begin());
    busy.emplace(slice.end_ps, row);
    result.push_back(row);
  }
  return result;
}

base::Csr<uint32_t> transfers_of_tensor(const graph::OpGraph& graph, const sim::Outcome& outcome) {
  base::Csr<uint32_t> tensor_of_transfer;
  for (const sim::Transfer& transfer : outcome.transfers) {
    tensor_of_transfer.push(transfer.tensor);
    tensor_of_transfer.end_row();
  }
  return base::transpose(tensor_of_transfer, graph.num_tensors());
}

}  // namespace allot::emit
