// SPDX-License-Identifier: Apache-2.0
// What a reader of weights should know of how they came about. Source: specification of mixcal, 7.6.
#pragma once

#include <string>
#include <vector>

namespace allot::mixcal {

/// Of the rows of a Trajectory: weights that were nearly those of one domain, and, of doremi, domains without any
/// excess.
std::vector<std::string> trajectory_warnings(const std::vector<std::vector<double>>& trajectory,
                                             const std::vector<std::string>& names, const std::string& method);

}  // namespace allot::mixcal
