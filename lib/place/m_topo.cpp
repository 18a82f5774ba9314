// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "place/memory_estimate.h"
#include "place/methods.h"
#include "place/repair.h"

namespace allot::place {

/// A device takes units until its share of all bytes, plus those of the largest unit, or its memory is used up.
UnitPlacement place_m_topo(const Problem& problem, const Budget& budget) {
  UnitPlacement placement(problem.graph().num_units());
  std::vector<int64_t> bytes(placement.size());
  int64_t total = 0, largest = 0;
  for (UnitId unit = 0; unit < placement.size(); ++unit) {
    bytes[unit] = unit_bytes(problem, unit);
    total += bytes[unit];
    largest = std::max(largest, bytes[unit]);
  }
  const int64_t share = total / problem.devices() + largest;
  DeviceId device = 0;
  int64_t held = 0;
  for (UnitId unit = 0; unit < placement.size(); ++unit) {
    const auto full = [&] {
      return held + bytes[unit] > std::min(share, problem.cluster().devices[device].usable_bytes());
    };
    for (; full() && device + 1 < problem.devices(); ++device) held = 0;
    placement[unit] = problem.allowed(unit, device) ? device : problem.fastest(unit);
    if (placement[unit] == device) held += bytes[unit];
  }
  return repaired(problem, std::move(placement), budget);
}

}  // namespace allot::place
