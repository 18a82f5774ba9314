// SPDX-License-Identifier: Apache-2.0
#include "sim/network.h"

#include <algorithm>
#include <bit>
#include <functional>

namespace allot::sim {

using cluster::DeviceId;
using graph::kNone;

Network::Network(const cluster::Cluster& cluster, size_t most)
    : wires_(cluster), lanes_(wires_.lanes()), timers_(wires_.lanes() + 2) {
  if (cluster.simulation.contention == cluster::Contention::share) fair_share_.emplace(cluster);
  copies_.reserve(most);
  loose_.reserve(most);
}

void Network::clear(bool report_starts) {
  report_starts_ = report_starts;
  wires_.clear();
  if (fair_share_) fair_share_->clear();
  copies_.clear();
  sent_ps_.clear();
  std::fill(lanes_.begin(), lanes_.end(), Lane{});
  loose_.clear();
  timers_.clear();
}

bool Network::send(graph::TensorId tensor, DeviceId from, DeviceId to, int64_t bytes, int64_t now) {
  const uint32_t index = size();
  const Interval interval = wires_.reserve(from, to, bytes, now);
  copies_.push_back({.start_ps = interval.receive_ps, .end_ps = interval.end_ps, .tensor = tensor, .to = to});
  if (wires_.several_legs()) sent_ps_.resize(copies_.size(), interval.start_ps);
  if (fair_share_ && bytes > 0 && wires_.has_links(from, to)) {
    copies_[index].end_ps = Timers::kNever;
    fair_share_->begin(index, from, to, bytes, now);
    timers_.set(share_timer(), fair_share_->earliest());
    return true;
  }
  return enqueue(index, wires_.lane(from, to), now);
}

bool Network::send_once(graph::TensorId tensor, DeviceId from, uint64_t to, int64_t bytes, int64_t now) {
  const uint32_t first = size();
  const Interval interval = wires_.reserve_once(from, to, bytes, now);
  uint32_t lane = Wires::kNoLane;  // any that it holds
  for (; to != 0; to &= to - 1) {
    const auto target = static_cast<DeviceId>(std::countr_zero(to));
    copies_.push_back({.start_ps = interval.start_ps, .end_ps = interval.end_ps, .tensor = tensor, .to = target});
    lane = std::min(lane, wires_.lane(from, target));
  }
  return enqueue(first, lane, now);
}

/// Whether it starts now.
bool Network::enqueue(uint32_t index, uint32_t lane_id, int64_t now) {
  const Copy& copy = copies_[index];
  if (lane_id == Wires::kNoLane) {
    end_later(index, copy.end_ps);
    return true;
  }
  Lane& lane = lanes_[lane_id];
  (lane.head == kNone ? lane.head : copies_[lane.tail].next) = index;
  lane.tail = index;
  if (lane.head != index) return false;
  const bool starts = copy.start_ps == now;
  lane.started = starts || !report_starts_;
  set_timer(lane_id);
  return starts;
}

void Network::end_later(uint32_t copy, int64_t end) {
  loose_.emplace_back(end, copy);
  std::push_heap(loose_.begin(), loose_.end(), std::greater<>());
  set_loose_timer();
}

Network::Event Network::take() {
  const auto timer = static_cast<uint32_t>(timers_.first());
  if (timer < loose_timer()) return take_lane(timer);
  if (timer == share_timer()) {
    const int64_t now = timers_.earliest();
    const auto [copy, latency_ps] = fair_share_->end();
    timers_.set(share_timer(), fair_share_->earliest());
    copies_[copy].end_ps = now + latency_ps;
    end_later(copy, copies_[copy].end_ps);
    return {};
  }
  const uint32_t copy = loose_.front().second;
  std::pop_heap(loose_.begin(), loose_.end(), std::greater<>());
  loose_.pop_back();
  set_loose_timer();
  return {.ends = copy};
}

Network::Event Network::take_lane(uint32_t lane_id) {
  Lane& lane = lanes_[lane_id];
  Event event;
  if (lane.started) {
    event.ends = lane.head;
    lane.head = copies_[lane.head].next;
    lane.started = !report_starts_;
    // Mostly the next one starts where this one ends: spares it an event.
    if (report_starts_ && lane.head != kNone && copies_[lane.head].start_ps == timers_.earliest()) {
      event.starts = lane.head;
      lane.started = true;
    }
  } else {
    event.starts = lane.head;
    lane.started = true;
  }
  set_timer(lane_id);
  return event;
}

void Network::set_timer(uint32_t lane_id) {
  const Lane& lane = lanes_[lane_id];
  int64_t time = Timers::kNever;
  if (lane.head != kNone) time = lane.started ? copies_[lane.head].end_ps : copies_[lane.head].start_ps;
  timers_.set(lane_id, time);
}

void Network::set_loose_timer() { timers_.set(loose_timer(), loose_.empty() ? Timers::kNever : loose_.front().first); }

}  // namespace allot::sim
