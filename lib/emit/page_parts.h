// SPDX-License-Identifier: Apache-2.0
// The parts of a placement's page, each returning HTML ("" where there is nothing to show), and the words they share.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "emit/page.h"

namespace allot::emit {

// ---- words (page_words.cpp)

/// Palette class of a device, the same in every drawing; no two of 64 devices look alike.
std::string colour(cluster::DeviceId device);

/// A foreign name as the page shows it: printable, cut in the middle when long. Not yet escaped.
std::string shown(std::string_view name);
/// Name and colour of a device.
std::string with_colour(const PageInput& input, cluster::DeviceId device);

std::string human_ps(int64_t ps);
std::string human_bytes(int64_t bytes);
/// a / b, 0 where that is not defined.
double ratio(int64_t a, int64_t b);
/// A share in whole percent, "<1 %" where that would hide it.
std::string percent(double share);

struct Unit {
  double size;
  const char* name;
};
/// The largest unit that is not larger than `most`.
Unit time_unit(int64_t ps);
Unit byte_unit(double bytes);

/// What the placement was chosen by: its name ("Makespan"), its unit for axes, its values as text.
std::string measure_name(const place::Problem& problem);
Unit measure_unit(const place::Problem& problem, int64_t most);
std::string measure_text(const place::Problem& problem, int64_t value);
/// What no placement's measure is below, if anything is known.
std::optional<int64_t> lower_bound(const place::Problem& problem);
/// "critical path", "work" ...: where that comes from.
std::string bound_name(const place::Problem& problem);

/// The chosen method's result; none if no methods are known.
const place::MethodResult* chosen(const PageInput& input);
/// The best placement on one device alone, if that method ran.
const place::MethodResult* single_device(const PageInput& input);

// ---- tables (page_tables.cpp)

/// A row a method with its measure as a bar, then how often the chosen one stays better under wrong costs.
std::string method_table(const PageInput& input);
std::string device_table(const PageInput& input);
std::string type_table(const PageInput& input);
std::string op_table(const PageInput& input);
std::string transfer_table(const PageInput& input);

// ---- why the result is no better (page_limits.cpp)

/// Each bound as a bar against the makespan, and which of them binds.
std::string bounds_table(const PageInput& input);
/// What the critical chain consists of.
std::string critical_chain(const PageInput& input);
/// Loads of devices and wires against the interval of a full pipeline.
std::string pipeline_loads(const PageInput& input);
/// The makespan for each of several input shapes.
std::string scenario_table(const PageInput& input);

// ---- drawings (page_charts.cpp)

/// The best measure so far over evaluations, or seconds.
std::string search_curve(const PageInput& input);
/// Gantt chart of the used devices and the 24 busiest wires.
std::string schedule_chart(const PageInput& input);
/// Memory over time of each used device, with its capacity where that is in sight.
std::string memory_charts(const PageInput& input);
/// The quotient graph: bytes that each device sends to each other one.
std::string traffic_chart(const PageInput& input);

}  // namespace allot::emit
