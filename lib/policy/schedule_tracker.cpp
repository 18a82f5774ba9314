// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>

#include "policy/tracker.h"

namespace allot::policy {
namespace {

float squashed(double x) { return static_cast<float>(x < 0 ? -std::log1p(-x) : std::log1p(x)); }

}  // namespace

ScheduleTracker::ScheduleTracker(const Instance& instance)
    : instance_(instance),
      graph_(instance.problem->graph()),
      devices_(instance.problem->devices()),
      device_of_(instance.fixed),
      end_ps_(graph_.num_ops()),
      arrived_ps_(size_t{graph_.num_tensors()} * devices_, -1),
      free_ps_(devices_),
      wire_ps_(size_t{devices_} * devices_),
      held_bytes_(devices_) {
  for (const auto& device : instance.problem->cluster().devices)
    usable_bytes_.push_back(std::max(1.0, static_cast<double>(device.usable_bytes())));
}

int64_t ScheduleTracker::arrival(graph::TensorId tensor, DeviceId device, int64_t& moved_ps) const {
  const auto& cluster = instance_.problem->cluster();
  const OpId producer = graph_.producer[tensor];
  if (producer == graph::kNone && !cluster.io_device) return 0;
  const DeviceId from = producer == graph::kNone ? *cluster.io_device : device_of_[graph_.unit_of[producer]];
  const int64_t made_ps = producer == graph::kNone ? 0 : end_ps_[producer];
  if (from == device) return made_ps;
  if (const int64_t known = arrived_ps_[tensor * size_t{devices_} + device]; known >= 0) return known;
  const int64_t travel_ps = cluster.transfer_ps(from, device, instance_.problem->costs().tensor_bytes[tensor]);
  moved_ps += travel_ps;
  return std::max(made_ps, wire_ps_[from * size_t{devices_} + device]) + travel_ps;
}

ScheduleTracker::Estimate ScheduleTracker::estimate(OpId op, DeviceId device) const {
  Estimate estimate;
  for (const graph::TensorId tensor : graph_.inputs[op]) {
    estimate.ready_ps = std::max(estimate.ready_ps, arrival(tensor, device, estimate.moved_ps));
    const OpId producer = graph_.producer[tensor];
    estimate.producers_here += producer != graph::kNone && device_of_[graph_.unit_of[producer]] == device;
  }
  return estimate;
}

void ScheduleTracker::schedule(OpId op, DeviceId device) {
  const auto& cluster = instance_.problem->cluster();
  int64_t start_ps = free_ps_[device];
  for (const graph::TensorId tensor : graph_.inputs[op]) {
    int64_t moved_ps = 0;
    const int64_t at_ps = arrival(tensor, device, moved_ps);
    start_ps = std::max(start_ps, at_ps);
    if (moved_ps == 0) continue;
    arrived_ps_[tensor * size_t{devices_} + device] = at_ps;
    const OpId producer = graph_.producer[tensor];
    const DeviceId from = producer == graph::kNone ? *cluster.io_device : device_of_[graph_.unit_of[producer]];
    wire_ps_[from * size_t{devices_} + device] = at_ps;
  }
  free_ps_[device] = end_ps_[op] = start_ps + instance_.problem->costs().time(op, device);
}

/// Schedules all ops whose devices are known, up to the first op of the next element.
void ScheduleTracker::advance() {
  for (; next_op_ < instance_.op_order.size(); ++next_op_) {
    const OpId op = instance_.op_order[next_op_];
    const UnitId unit = graph_.unit_of[op];
    const uint32_t element = instance_.index[unit];
    if (element != graph::kNone && element >= next_) return;
    if (element == graph::kNone && graph_.members[unit].front() == op)
      held_bytes_[device_of_[unit]] += instance_.lasting_bytes[unit];
    schedule(op, device_of_[unit]);
  }
}

void ScheduleTracker::look(float* features) {
  advance();
  const UnitId unit = instance_.order[next_];
  const OpId op = instance_.op_order[next_op_];
  const auto& problem = *instance_.problem;
  const double bytes = instance_.lasting_bytes[unit];
  const int64_t longest_ps = *std::max_element(free_ps_.begin(), free_ps_.end());
  const auto inputs = static_cast<float>(std::max<size_t>(1, graph_.inputs[op].size()));
  int64_t first_start_ps = cost::kCannotRun, first_end_ps = cost::kCannotRun;
  std::array<int64_t, cluster::kMaxDevices> starts_ps{}, ends_ps{};
  float* row = features;
  for (DeviceId device = 0; device < devices_; ++device, row += kTrackWidth) {
    std::fill_n(row, kTrackWidth, 0.0f);
    if (!problem.allowed(unit, device)) continue;
    const Estimate estimate = this->estimate(op, device);
    starts_ps[device] = std::max(estimate.ready_ps, free_ps_[device]);
    ends_ps[device] = starts_ps[device] + problem.unit_time_ps(unit, device);
    first_start_ps = std::min(first_start_ps, starts_ps[device]);
    first_end_ps = std::min(first_end_ps, ends_ps[device]);
    row[2] = squashed(static_cast<double>(estimate.ready_ps - free_ps_[device]) / instance_.scale_ps);
    row[3] = squashed(static_cast<double>(estimate.moved_ps) / instance_.scale_ps);
    row[4] = squashed(static_cast<double>(ends_ps[device] - longest_ps) / instance_.scale_ps);
    row[5] = longest_ps > 0 ? static_cast<float>(free_ps_[device]) / static_cast<float>(longest_ps) : 0;
    row[6] = static_cast<float>((held_bytes_[device] + bytes) / usable_bytes_[device]);
    row[7] = static_cast<float>(estimate.producers_here) / inputs;
  }
  row = features;
  for (DeviceId device = 0; device < devices_; ++device, row += kTrackWidth) {
    if (!problem.allowed(unit, device)) continue;
    row[0] = squashed(static_cast<double>(starts_ps[device] - first_start_ps) / instance_.scale_ps);
    row[kLateEnd] = squashed(static_cast<double>(ends_ps[device] - first_end_ps) / instance_.scale_ps);
  }
}

void ScheduleTracker::take(DeviceId device) {
  advance();
  const UnitId unit = instance_.order[next_++];
  device_of_[unit] = device;
  held_bytes_[device] += instance_.lasting_bytes[unit];
}

}  // namespace allot::policy
