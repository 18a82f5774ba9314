// SPDX-License-Identifier: Apache-2.0
// What a device must hold at least for the units given to it, before anything is simulated.
#pragma once

#include <cstdint>
#include <vector>

#include "place/problem.h"

namespace allot::place {

/// All that a unit brings along by itself, unaligned: parameters, resident bytes, the tensors it makes and its largest
/// workspace. Parameters of several units count for each.
int64_t unit_bytes(const Problem& problem, UnitId unit);

/// Parameters, once a device, and resident bytes of the units, and the most that one of their ops needs while it runs.
class MemoryEstimate {
 public:
  explicit MemoryEstimate(const Problem& problem);

  /// Would `unit` fit beside what the device has? `extra_bytes`: what else is there, such as live tensors.
  bool fits(UnitId unit, DeviceId device, int64_t extra_bytes = 0) const {
    return excess(unit, device, extra_bytes) <= 0;
  }
  /// Bytes missing, or less than zero.
  int64_t excess(UnitId unit, DeviceId device, int64_t extra_bytes = 0) const;
  void add(UnitId unit, DeviceId device);

 private:
  int64_t lasting_bytes(UnitId unit, DeviceId device) const;  // beyond what is there
  int64_t working_bytes(UnitId unit, DeviceId device) const;

  const Problem* problem_;
  std::vector<uint64_t> param_at_;          // parameter -> devices that hold it
  std::vector<int64_t> lasting_, working_;  // by device
};

}  // namespace allot::place
