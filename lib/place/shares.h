// SPDX-License-Identifier: Apache-2.0
// How much of the work and of the bytes each device should get: what partitioners balance.
#pragma once

#include <vector>

#include "place/problem.h"

namespace allot::place {

/// Over the devices that may run it.
double mean_unit_time_ps(const Problem& problem, UnitId unit);

/// In proportion to speed: the work of the units that a device may run at its own times, against their mean times.
/// They add up to 1, none is 0.
std::vector<double> time_shares(const Problem& problem);
/// In proportion to usable memory; the same holds.
std::vector<double> memory_shares(const Problem& problem);

/// Could the tightest device run out of memory? Not if it could hold everything.
bool memory_may_run_out(const Problem& problem);

}  // namespace allot::place
