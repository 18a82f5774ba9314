// SPDX-License-Identifier: Apache-2.0
// Devices that can trade places without any effect.
#pragma once

#include <vector>

#include "place/problem.h"

namespace allot::place {

/// For each device the first one that it is interchangeable with: equal memory and rules, equal times and permissions
/// for all units, equal and private wires to each other device, and none of them the io device.
std::vector<DeviceId> interchangeable(const Problem& problem);

}  // namespace allot::place
