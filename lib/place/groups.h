// SPDX-License-Identifier: Apache-2.0
// The groups in which a hierarchical policy placed ops, as files name them.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "place/problem.h"

namespace allot::place {

/// Number of each unit's group [units]; kNoGroup of units that were not the policy's to place.
using GroupOfUnit = std::vector<int32_t>;
constexpr int32_t kNoGroup = -1;

/// By op: "" without a group, else its number, "12". Where the ops of a group are on several devices, since they were
/// moved after the policy placed them as one, what is together on one of them is a group of its own: "12/gpu1".
std::vector<std::string> group_names(const Problem& problem, const GroupOfUnit& groups,
                                     std::span<const DeviceId> device_of_op);

}  // namespace allot::place
