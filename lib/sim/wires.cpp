// SPDX-License-Identifier: Apache-2.0
#include "sim/wires.h"

#include <bit>
#include <utility>

#include "base/error.h"

namespace allot::sim {

using cluster::Contention;
using cluster::DeviceId;
using cluster::Forwarding;

namespace {

/// Hands out the numbers of channels.
struct Channels {
  uint32_t wires = 0;                   // links, buses or ports first
  std::vector<uint32_t> send, receive;  // engines by device, kNoLane without
  uint32_t compute = Wires::kNoLane;
  uint32_t count = 0;

  explicit Channels(const cluster::Cluster& cluster) {
    const auto& rules = cluster.simulation;
    const bool per_device = rules.contention == Contention::bus || rules.contention == Contention::port;
    count = rules.contention == Contention::link ? cluster.num_channels : per_device ? cluster.size() : 0;
    for (const cluster::Device& device : cluster.devices) {
      send.push_back(device.copy_engines > 0 ? count++ : Wires::kNoLane);
      receive.push_back(device.copy_engines > 1 ? count++ : send.back());
    }
    if (rules.blocks_receivers()) compute = std::exchange(count, count + cluster.size());
  }
};

/// The channels of a route as its legs hold them, its ends' engines and compute aside.
std::vector<std::vector<uint32_t>> wires_of_legs(const cluster::Cluster& cluster, DeviceId from, DeviceId to) {
  const auto& rules = cluster.simulation;
  std::vector<uint32_t> wires;
  if (rules.contention == Contention::link) wires = cluster.route(from, to).channels;
  if (rules.contention == Contention::bus) wires = {from};
  if (rules.contention == Contention::port) wires = {from, to};
  if (rules.forwarding == Forwarding::cut_through || wires.size() < 2) return {wires};
  std::vector<std::vector<uint32_t>> legs;
  for (const uint32_t channel : wires) legs.push_back({channel});
  return legs;
}

}  // namespace

Wires::Wires(const cluster::Cluster& cluster) : cluster_(cluster), gap_ps_(cluster.simulation.transfer_gap_ps) {
  const Channels numbers(cluster);
  compute_ = numbers.compute;
  free_at_.assign(numbers.count, 0);
  for (DeviceId from = 0; from < cluster.size(); ++from) {
    for (DeviceId to = 0; to < cluster.size(); ++to) {
      const cluster::Route& route = cluster.route(from, to);
      std::vector<std::vector<uint32_t>> legs(1);
      if (!route.channels.empty()) {
        legs = wires_of_legs(cluster, from, to);
        const auto add_end = [&](std::vector<uint32_t>& leg, uint32_t engine, bool blocks, DeviceId device) {
          if (engine != kNoLane) leg.push_back(engine);
          if (blocks) leg.push_back(compute_ + device);
        };
        add_end(legs.front(), numbers.send[from], cluster.simulation.blocks_senders(), from);
        add_end(legs.back(), numbers.receive[to], cluster.simulation.blocks_receivers(), to);
      }
      first_leg_.push_back(channels_.rows());
      lanes_.push_back(legs.back().empty() ? kNoLane : legs.back().back());
      several_legs_ |= legs.size() > 1;
      for (size_t leg = 0; leg < legs.size(); ++leg) {
        channels_.add_row(legs[leg]);
        const bool own_link = legs.size() > 1 && cluster.simulation.contention == Contention::link;
        const cluster::Link* link = own_link ? &cluster.links[route.links[leg]] : nullptr;
        const double bandwidth = link ? link->bandwidth_bytes_per_s : route.bandwidth_bytes_per_s;
        leg_wires_.push_back({.latency_ps = link ? link->latency_ps : route.latency_ps,
                              .bandwidth_bytes_per_s = bandwidth,
                              .rate = route.channels.empty() ? 0 : cluster::whole_rate(bandwidth),
                              .reachable = route.reachable});
      }
    }
  }
  first_leg_.push_back(channels_.rows());
}

/// Passes the legs in order; `visit(channel, end)` for each channel that one holds until `end`.
template <typename Visit>
Interval Wires::walk(DeviceId from, DeviceId to, int64_t bytes, int64_t now, const Visit& visit) const {
  if (!cluster_.route(from, to).reachable) no_route(from, to);
  const bool staged = cluster_.simulation.forwarding == Forwarding::staged;
  const uint32_t first = first_leg_[pair(from, to)], last = first_leg_[pair(from, to) + 1];
  Interval whole{now, now, now};
  for (uint32_t leg = first; leg < last; ++leg) {
    int64_t start = staged ? whole.end_ps : whole.receive_ps;
    for (const uint32_t channel : channels_[leg]) start = std::max(start, free_at_[channel]);
    // What a leg has not received yet it cannot have passed on.
    const int64_t end = std::max(whole.end_ps, start + leg_wires_[leg].duration_ps(bytes));
    for (const uint32_t channel : channels_[leg]) visit(channel, end);
    whole = {leg == first ? start : whole.start_ps, start, end};
  }
  return whole;
}

Interval Wires::preview_legs(DeviceId from, DeviceId to, int64_t bytes, int64_t now) const {
  return walk(from, to, bytes, now, [](uint32_t, int64_t) {});
}

void Wires::hold_legs(DeviceId from, DeviceId to, int64_t bytes, int64_t now) {
  walk(from, to, bytes, now, [this](uint32_t channel, int64_t end) { free_at_[channel] = end + gap_ps_; });
}

Interval Wires::reserve_once(DeviceId from, uint64_t to, int64_t bytes, int64_t now) {
  Interval whole{now, now, now};
  int64_t longest = 0;
  for (uint64_t rest = to; rest != 0; rest &= rest - 1) {
    const auto target = static_cast<DeviceId>(std::countr_zero(rest));
    const Interval own = preview(from, target, bytes, now);
    whole.start_ps = std::max(whole.start_ps, own.start_ps);
    longest = std::max(longest, own.end_ps - own.start_ps);
  }
  whole.receive_ps = whole.start_ps;
  whole.end_ps = whole.start_ps + longest;
  for (; to != 0; to &= to - 1)
    for (const uint32_t channel : channels_[pair(from, static_cast<DeviceId>(std::countr_zero(to)))])
      free_at_[channel] = whole.end_ps + gap_ps_;
  return whole;
}

void Wires::no_route(DeviceId from, DeviceId to) const {
  throw base::Error(base::ErrorKind::unavailable, cluster_.path,
                    fmt::format("no route from device '{}' to '{}', but the placement sends a tensor that way",
                                cluster_.devices[from].name, cluster_.devices[to].name),
                    "add a path between them or a default link to the cluster");
}

}  // namespace allot::sim
