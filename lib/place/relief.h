// SPDX-License-Identifier: Apache-2.0
// Which units to move off a device that is short of memory.
#pragma once

#include <vector>

#include "place/problem.h"

namespace allot::place {

struct Move {
  UnitId unit;
  DeviceId to;
};

/// Moves off `from` that together free about `bytes` at its peak, in order of estimated time lost for each byte freed:
/// slower execution, tensors that cross anew, and load beyond the busiest device. Units in `barred` stay. Devices take
/// what fits beside their own peak. `outcome` carries its timeline. O(edges * devices log ops).
std::vector<Move> relief(const Problem& problem, const UnitPlacement& placement, const sim::Outcome& outcome,
                         DeviceId from, int64_t bytes, const std::vector<char>& barred);

}  // namespace allot::place
