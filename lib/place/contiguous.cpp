// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "place/memory_estimate.h"
#include "place/methods.h"

namespace allot::place {
namespace {

/// Gives each device in turn as many units as it can run within the bound and hold. A unit that the present device
/// may not run goes where it is fastest, and the block goes on. False if units are left over.
bool fill(const Problem& problem, int64_t bound_ps, bool within_memory, UnitPlacement& placement) {
  MemoryEstimate memory(problem);
  DeviceId device = 0;
  int64_t load_ps = 0;
  for (UnitId unit = 0; unit < placement.size(); ++unit) {
    for (;; ++device, load_ps = 0) {
      if (device == problem.devices()) return false;
      if (!problem.allowed(unit, device)) {
        placement[unit] = problem.fastest(unit);
        break;
      }
      const int64_t time_ps = problem.unit_time_ps(unit, device);
      if (load_ps + time_ps > bound_ps || (within_memory && !memory.fits(unit, device))) continue;
      load_ps += time_ps;
      placement[unit] = device;
      break;
    }
    memory.add(unit, placement[unit]);
  }
  return true;
}

/// No block takes longer.
int64_t slowest_ps(const Problem& problem) {
  int64_t sum = 0;
  for (UnitId unit = 0; unit < problem.graph().num_units(); ++unit) {
    int64_t slowest = 0;
    for (const DeviceId device : problem.choices(unit)) slowest = std::max(slowest, problem.unit_time_ps(unit, device));
    sum += slowest;
  }
  return sum;
}

}  // namespace

UnitPlacement place_contiguous(const Problem& problem, const Budget&) {
  UnitPlacement placement(problem.graph().num_units()), trial = placement;
  int64_t enough_ps = slowest_ps(problem), too_little_ps = -1;
  const bool within_memory = fill(problem, enough_ps, true, placement);
  if (!within_memory) fill(problem, enough_ps, false, placement);
  while (enough_ps - too_little_ps > 1 + enough_ps / 10'000) {
    const int64_t bound_ps = too_little_ps + (enough_ps - too_little_ps) / 2;
    if (fill(problem, bound_ps, within_memory, trial)) {
      enough_ps = bound_ps;
      std::swap(placement, trial);
    } else {
      too_little_ps = bound_ps;
    }
  }
  return placement;
}

}  // namespace allot::place
