// SPDX-License-Identifier: Apache-2.0
// The drawings of a placement's page, each returning HTML, and the words that they share with its tables.
#pragma once

#include <string>

#include "emit/page.h"

namespace allot::emit {

/// Palette class of a device, the same in every drawing; more than eight devices repeat colours.
std::string colour(cluster::DeviceId device);

/// A foreign name as the page shows it: printable, cut in the middle when long. Not yet escaped.
std::string shown(const std::string& name);

std::string human_ps(int64_t ps);
std::string human_bytes(int64_t bytes);

/// A share in whole percent, "<1 %" where that would hide it.
std::string percent(double share);

/// Gantt chart of the used devices and the 24 busiest wires.
std::string schedule_chart(const PageInput& input);

/// Memory over time of each used device, with its capacity where that is in sight.
std::string memory_charts(const PageInput& input);

/// The quotient graph: bytes that each device sends to each other one.
std::string traffic_chart(const PageInput& input);

}  // namespace allot::emit
