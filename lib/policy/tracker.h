// SPDX-License-Identifier: Apache-2.0
// What a decoder knows of the placement so far.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "policy/instance.h"

namespace allot::policy {

constexpr int64_t kTrackWidth = 8;
constexpr int64_t kLateEnd = 1;  // the feature that tells how much later than on the best device an element ends

/// One sample on its way: look() at a step, take() a device, look() at the next.
class Tracker {
 public:
  virtual ~Tracker() = default;
  /// features [devices, kTrackWidth] of the next element of the sequence on each device.
  virtual void look(float* features) = 0;
  virtual void take(DeviceId device) = 0;
};

/// When elements would be done on each device, as a list scheduler reckons: ops are taken in the instance's op_order,
/// and an op starts when its device is free and what it reads has arrived; transfers between two devices queue up. The
/// features are, in units' mean times and on a logarithmic scale: start and end against the earliest possible, how long
/// the device waits for data (or data for the device), what has to travel, how far the end exceeds that of all so far;
/// and as shares: how busy, how full, how many of its producers are there. After: DOPPLER's placement policy, ICLR
/// 2026. Memory: 16 bytes an op, 8 a tensor and device.
class ScheduleTracker : public Tracker {
 public:
  /// The instance must outlive it.
  explicit ScheduleTracker(const Instance& instance);
  void look(float* features) override;
  void take(DeviceId device) override;

 private:
  struct Estimate {
    int64_t ready_ps = 0, moved_ps = 0;
    uint32_t producers_here = 0;
  };
  void advance();
  void schedule(OpId op, DeviceId device);
  Estimate estimate(OpId op, DeviceId device) const;
  int64_t arrival(graph::TensorId tensor, DeviceId device, int64_t& moved_ps) const;

  const Instance& instance_;
  const graph::OpGraph& graph_;
  uint32_t devices_;
  size_t next_op_ = 0;  // in op_order
  uint32_t next_ = 0;   // element
  UnitPlacement device_of_;
  std::vector<int64_t> end_ps_;      // by op
  std::vector<int64_t> arrived_ps_;  // [tensors, devices]; -1: not sent
  std::vector<int64_t> free_ps_;     // by device
  std::vector<int64_t> wire_ps_;     // [from, to]: free from then on
  std::vector<double> held_bytes_, usable_bytes_;
};

}  // namespace allot::policy
