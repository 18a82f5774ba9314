// SPDX-License-Identifier: Apache-2.0
// What a set of units costs the device that has just them, kept up while units come and go.
#pragma once

#include <cstdint>
#include <vector>

#include "place/problem.h"

namespace allot::place {

/// Time per run: the units' own, and that of tensors which enter or leave the set, each counted once. With blocking
/// transfers they add up, as in the load of Tarnawski et al. (NeurIPS 2020); where only receivers are blocked, what
/// enters adds to the units'; the longest of what does not add up counts.
/// How long a transfer takes depends on where the other end is: the quickest wire of the device is taken, so on a
/// cluster of equal wires the cost is exact, elsewhere a lower bound.
class StageCost {
 public:
  /// devices: those to tell the cost of; devices that nothing tells apart need only one of them.
  StageCost(const Problem& problem, std::vector<DeviceId> devices);

  void add(UnitId unit) { change(unit, 1); }
  void remove(UnitId unit) { change(unit, -1); }

  /// Of the i-th of the devices; kCannotRun if a unit may not be there, or parameters and resident bytes exceed its
  /// memory.
  int64_t load_ps(size_t i) const;
  /// What load_ps cannot fall below however much is added: the units' own time.
  int64_t compute_ps(size_t i) const { return too_much(i) ? cost::kCannotRun : sums_[i].compute_ps; }

 private:
  void change(UnitId unit, int sign);
  void count_traffic(graph::TensorId tensor, int sign);
  bool too_much(size_t i) const;

  const Problem& problem_;
  const std::vector<DeviceId> devices_;
  std::vector<int64_t> arrival_ps_, departure_ps_;  // [tensor * devices + i]: if it enters or leaves
  struct Tensor {
    uint32_t readers = 0;   // ops of the set
    bool produced = false;  // by the set
  };
  std::vector<Tensor> tensors_;
  std::vector<uint32_t> param_users_;
  int64_t held_bytes_ = 0;
  struct Sums {
    int64_t compute_ps = 0, in_ps = 0, out_ps = 0;
    uint32_t barred = 0;  // units that may not be there
  };
  std::vector<Sums> sums_;  // by device
};

}  // namespace allot::place
