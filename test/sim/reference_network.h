// SPDX-License-Identifier: Apache-2.0
// Rule 4 of the simulator once more: which channels a transfer waits for and how long it takes them, as lists of names
// that are searched from end to end; and shared bandwidth, worked out for each transfer by itself.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "cluster/cluster.h"

namespace allot::test {

struct ReferenceTransfer {
  uint32_t tensor, from, to;
  int64_t asked_ps, start_ps, receive_ps, end_ps;  // end: kUnknown while it shares bandwidth
};

class ReferenceNetwork {
 public:
  static constexpr int64_t kUnknown = std::numeric_limits<int64_t>::max();
  using Channel = std::pair<std::string, uint32_t>;

  explicit ReferenceNetwork(const cluster::Cluster& cluster) : cluster_(cluster), rules_(cluster.simulation) {}

  const std::vector<ReferenceTransfer>& transfers() const { return transfers_; }

  void ask(uint32_t tensor, uint32_t from, const std::vector<uint32_t>& targets, int64_t bytes, int64_t now) {
    if (rules_.send == cluster::Send::once) return ask_once(tensor, from, targets, bytes, now);
    for (const uint32_t to : targets) {
      if (rules_.contention == cluster::Contention::share && bytes > 0 && !cluster_.route(from, to).channels.empty()) {
        flows_.push_back({transfers_.size(), Work(bytes) * 1'000'000'000'000, 0});
        transfers_.push_back({tensor, from, to, now, now, now, kUnknown});
      } else {
        ask_legs(tensor, from, to, bytes, now);
      }
    }
  }

  void occupy(const Channel& channel, int64_t until) { holds_.push_back({channel, until, false}); }

  /// Whether a transfer holds the compute of the device, or will.
  bool blocks(uint32_t device, int64_t now) const {
    return std::any_of(holds_.begin(), holds_.end(), [&](const Hold& hold) {
      return hold.by_transfer && hold.channel == Channel{"compute", device} && hold.until > now;
    });
  }

  /// The next time after `now` when something changes.
  int64_t next(int64_t now) const {
    int64_t next = kUnknown;
    for (const auto& transfer : transfers_)
      if (transfer.end_ps > now) next = std::min(next, transfer.end_ps);
    for (const Hold& hold : holds_)
      if (hold.until > now) next = std::min(next, hold.until);
    for (const Flow& flow : flows_)
      next = std::min(next, now + static_cast<int64_t>((flow.left + flow.rate - 1) / flow.rate));
    return next;
  }

  /// Time passes; last bytes leave.
  void advance(int64_t from, int64_t to) {
    for (Flow& flow : flows_) flow.left -= Work(to - from) * flow.rate;
    for (const Flow& flow : flows_) {
      auto& transfer = transfers_[flow.transfer];
      if (flow.left <= 0) transfer.end_ps = to + cluster_.route(transfer.from, transfer.to).latency_ps;
    }
    flows_.erase(std::remove_if(flows_.begin(), flows_.end(), [](const Flow& flow) { return flow.left <= 0; }),
                 flows_.end());
  }

  /// Progressive filling: again and again the channel that leaves least to each of its transfers.
  void set_rates() {
    std::vector<bool> fixed(flows_.size(), false);
    std::vector<int64_t> left(cluster_.num_channels, 0);
    for (const auto& route : cluster_.routes)
      for (size_t i = 0; i < route.channels.size(); ++i)
        left[route.channels[i]] =
            std::max<int64_t>(1, std::llround(cluster_.links[route.links[i]].bandwidth_bytes_per_s));
    for (size_t done = 0; done < flows_.size();) {
      int64_t least = kUnknown;
      uint32_t narrowest = 0;
      for (uint32_t channel = 0; channel < left.size(); ++channel) {
        int64_t open = 0;
        for (size_t i = 0; i < flows_.size(); ++i) open += !fixed[i] && passes(flows_[i], channel);
        if (open == 0) continue;
        const int64_t each = std::max<int64_t>(1, left[channel] / open);
        if (each < least) least = each, narrowest = channel;
      }
      for (size_t i = 0; i < flows_.size(); ++i) {
        if (fixed[i] || !passes(flows_[i], narrowest)) continue;
        fixed[i] = true;
        ++done;
        flows_[i].rate = least;
        for (uint32_t channel = 0; channel < left.size(); ++channel)
          if (passes(flows_[i], channel)) left[channel] -= least;
      }
    }
  }

 private:
  using Work = __int128;  // 1e-12 bytes
  struct Hold {
    Channel channel;
    int64_t until;
    bool by_transfer;
  };
  struct Flow {
    size_t transfer;
    Work left;
    int64_t rate;
  };
  struct Leg {
    std::vector<Channel> channels;
    int64_t duration_ps;
  };

  bool passes(const Flow& flow, uint32_t channel) const {
    const auto& route = cluster_.route(transfers_[flow.transfer].from, transfers_[flow.transfer].to);
    return std::find(route.channels.begin(), route.channels.end(), channel) != route.channels.end();
  }

  int64_t free_at(const std::vector<Channel>& channels, int64_t now) const {
    int64_t free = now;
    for (const Hold& hold : holds_)
      if (std::find(channels.begin(), channels.end(), hold.channel) != channels.end())
        free = std::max(free, hold.until);
    return free;
  }

  void hold(const std::vector<Channel>& channels, int64_t end) {
    for (const Channel& channel : channels) holds_.push_back({channel, end + rules_.transfer_gap_ps, true});
  }

  std::vector<Leg> legs(uint32_t from, uint32_t to, int64_t bytes) const {
    const auto& route = cluster_.route(from, to);
    const int64_t whole = cluster_.transfer_ps(from, to, bytes);
    if (route.channels.empty()) return {{{}, whole}};
    std::vector<Leg> result;
    if (rules_.contention == cluster::Contention::link) {
      for (size_t i = 0; i < route.channels.size(); ++i) {
        const auto& link = cluster_.links[route.links[i]];
        result.push_back(
            {{{"link", route.channels[i]}}, cluster::wire_ps(link.latency_ps, link.bandwidth_bytes_per_s, bytes)});
      }
    } else if (rules_.contention == cluster::Contention::port) {
      result = {{{{"port", from}}, whole}, {{{"port", to}}, whole}};
    } else if (rules_.contention == cluster::Contention::bus) {
      result = {{{{"bus", from}}, whole}};
    } else {
      result = {{{}, whole}};
    }
    if (rules_.forwarding == cluster::Forwarding::cut_through) {
      Leg all{{}, whole};
      for (const Leg& leg : result) all.channels.insert(all.channels.end(), leg.channels.begin(), leg.channels.end());
      result = {all};
    }
    if (result.size() == 1) result[0].duration_ps = whole;
    const auto engine = [&](uint32_t device, const char* side) -> Channel {
      return {cluster_.devices[device].copy_engines == 1 ? "engine" : side, device};
    };
    if (cluster_.devices[from].copy_engines > 0) result.front().channels.push_back(engine(from, "send engine"));
    if (cluster_.devices[to].copy_engines > 0) result.back().channels.push_back(engine(to, "receive engine"));
    if (rules_.blocks_senders()) result.front().channels.push_back({"compute", from});
    if (rules_.blocks_receivers()) result.back().channels.push_back({"compute", to});
    return result;
  }

  void ask_legs(uint32_t tensor, uint32_t from, uint32_t to, int64_t bytes, int64_t now) {
    ReferenceTransfer transfer{tensor, from, to, now, -1, now, now};
    for (const Leg& leg : legs(from, to, bytes)) {
      const bool staged = rules_.forwarding == cluster::Forwarding::staged;
      const int64_t start = free_at(leg.channels, staged ? transfer.end_ps : transfer.receive_ps);
      const int64_t end = std::max(transfer.end_ps, start + leg.duration_ps);
      hold(leg.channels, end);
      if (transfer.start_ps < 0) transfer.start_ps = start;
      transfer.receive_ps = start;
      transfer.end_ps = end;
    }
    transfers_.push_back(transfer);
  }

  void ask_once(uint32_t tensor, uint32_t from, const std::vector<uint32_t>& targets, int64_t bytes, int64_t now) {
    std::vector<Channel> channels;
    int64_t longest = 0;
    for (const uint32_t to : targets) {
      for (const Leg& leg : legs(from, to, bytes))
        channels.insert(channels.end(), leg.channels.begin(), leg.channels.end());
      longest = std::max(longest, cluster_.transfer_ps(from, to, bytes));
    }
    const int64_t start = free_at(channels, now);
    hold(channels, start + longest);
    for (const uint32_t to : targets) transfers_.push_back({tensor, from, to, now, start, start, start + longest});
  }

  const cluster::Cluster& cluster_;
  const cluster::Simulation& rules_;
  std::vector<ReferenceTransfer> transfers_;
  std::vector<Hold> holds_;
  std::vector<Flow> flows_;
};

}  // namespace allot::test
