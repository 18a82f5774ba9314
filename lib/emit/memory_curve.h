// SPDX-License-Identifier: Apache-2.0
// Memory of each device over a simulated run.
#pragma once

#include <cstdint>
#include <vector>

#include "place/problem.h"

namespace allot::emit {

struct MemoryPoint {
  int64_t time_ps, bytes;
};

/// By device: bytes held from a point's time until the next one's, parameters included; the first point is at 0, the
/// last at the makespan. A block that starts and ends at one instant shows as two points of that time. Follows rule 6
/// of sim::Simulator: the largest value is the device's peak. `outcome` must carry its timeline.
std::vector<std::vector<MemoryPoint>> memory_curves(const place::Problem& problem,
                                                    const std::vector<cluster::DeviceId>& placement,
                                                    const sim::Outcome& outcome);

}  // namespace allot::emit
