// SPDX-License-Identifier: Apache-2.0
#include "sim/network.h"

#include <algorithm>
#include <functional>

namespace allot::sim {

using graph::kNone;

Network::Network(const cluster::Cluster& cluster, size_t most)
    : wires_(cluster), lanes_(wires_.lanes()), timers_(wires_.lanes() + 1) {
  copies_.reserve(most);
  loose_.reserve(most);
}

void Network::clear(bool report_starts) {
  report_starts_ = report_starts;
  wires_.clear();
  copies_.clear();
  std::fill(lanes_.begin(), lanes_.end(), Lane{});
  loose_.clear();
  timers_.clear();
}

bool Network::send(graph::TensorId tensor, cluster::DeviceId from, cluster::DeviceId to, int64_t bytes, int64_t now) {
  const uint32_t index = size();
  const Interval interval = wires_.reserve(from, to, bytes, now);
  copies_.push_back({.start_ps = interval.start_ps, .end_ps = interval.end_ps, .tensor = tensor, .to = to});
  const uint32_t lane_id = wires_.lane(from, to);
  if (lane_id == Wires::kNoLane) {
    loose_.emplace_back(interval.end_ps, index);
    std::push_heap(loose_.begin(), loose_.end(), std::greater<>());
    set_loose_timer();
    return true;
  }
  Lane& lane = lanes_[lane_id];
  (lane.head == kNone ? lane.head : copies_[lane.tail].next) = index;
  lane.tail = index;
  if (lane.head != index) return false;
  const bool starts = interval.start_ps == now;
  lane.started = starts || !report_starts_;
  set_timer(lane_id);
  return starts;
}

Network::Event Network::take() {
  const auto lane_id = static_cast<uint32_t>(timers_.first());
  if (lane_id == lanes_.size()) {
    const uint32_t copy = loose_.front().second;
    std::pop_heap(loose_.begin(), loose_.end(), std::greater<>());
    loose_.pop_back();
    set_loose_timer();
    return {copy, true};
  }
  Lane& lane = lanes_[lane_id];
  const uint32_t copy = lane.head;
  const bool ends = lane.started;
  if (ends) lane.head = copies_[copy].next;
  lane.started = !ends || !report_starts_;
  set_timer(lane_id);
  return {copy, ends};
}

void Network::set_timer(uint32_t lane_id) {
  const Lane& lane = lanes_[lane_id];
  int64_t time = Timers::kNever;
  if (lane.head != kNone) time = lane.started ? copies_[lane.head].end_ps : copies_[lane.head].start_ps;
  timers_.set(lane_id, time);
}

void Network::set_loose_timer() { timers_.set(lanes_.size(), loose_.empty() ? Timers::kNever : loose_.front().first); }

}  // namespace allot::sim
