// SPDX-License-Identifier: Apache-2.0
// A schedule under construction, which list schedulers extend one op at a time.
#pragma once

#include <cstdint>
#include <vector>

#include "place/memory_estimate.h"
#include "place/problem.h"
#include "sim/wires.h"

namespace allot::place {

/// Ops run in the order in which they are added to a device; a tensor is sent once to each device that reads it, over
/// wires that serve in the order of asking. The first op of a unit that is added decides the device of all of it.
class PartialSchedule {
 public:
  explicit PartialSchedule(const Problem& problem);

  /// The device of a unit, or graph::kNone.
  DeviceId device(UnitId unit) const { return placement_[unit]; }
  bool has(OpId op) const { return end_ps_[op] >= 0; }
  int64_t free_ps(DeviceId device) const { return free_ps_[device]; }
  /// When the tensors of `op`, whose producers were added, are or would be on `device`.
  int64_t ready_ps(OpId op, DeviceId device) const;

  /// Would the parameters, workspace and tensors of `unit` fit beside what the device holds now?
  bool fits(UnitId unit, DeviceId device) const { return memory_.fits(unit, device, live_bytes_[device]); }
  /// The device on which the unit exceeds the memory least.
  DeviceId roomiest(UnitId unit) const;

  /// The device on which the unit of `op` would be done first among those that can hold it, or the roomiest; its own if
  /// it is decided.
  DeviceId quickest(OpId op) const;

  /// Appends `op` to what `device` runs. Its producers were added; its unit is there or nowhere yet.
  void add(OpId op, DeviceId device);

  UnitPlacement take() { return std::move(placement_); }

 private:
  /// A tensor brought to another device.
  struct Arrival {
    int64_t time_ps;
    DeviceId device;
    uint32_t next;  // of the same tensor, or kNone
  };

  int64_t arrival_ps(graph::TensorId tensor, DeviceId device) const;
  int64_t bring(graph::TensorId tensor, DeviceId device);
  void free(graph::TensorId tensor);
  DeviceId home(graph::TensorId tensor, DeviceId reader) const;
  int64_t made_ps(graph::TensorId tensor) const;
  int64_t block_bytes(graph::TensorId tensor, DeviceId device) const;

  const Problem& problem_;
  const graph::OpGraph& graph_;
  const cost::CostTable& costs_;
  UnitPlacement placement_;
  std::vector<int64_t> end_ps_;   // by op; -1 = not added
  std::vector<uint32_t> unread_;  // tensor -> consumers that were not added
  std::vector<uint32_t> copies_;  // tensor -> its last arrival
  std::vector<Arrival> arrivals_;
  std::vector<int64_t> free_ps_, live_bytes_;  // by device; bytes of tensors
  MemoryEstimate memory_;
  sim::Wires wires_;
};

}  // namespace allot::place
