// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include <fmt/format.h>

#include "base/error.h"
#include "config/units.h"
#include "emit/page_parts.h"
#include "report/html.h"
#include "report/palette.h"

namespace allot::emit {
namespace {

using place::Objective;

Unit unit_for(double most, std::initializer_list<Unit> ascending) {
  Unit best = *ascending.begin();
  for (const Unit& unit : ascending)
    if (unit.size <= most) best = unit;
  return best;
}

}  // namespace

std::string colour(cluster::DeviceId device) { return report::look(device); }

std::string shown(std::string_view name) { return base::printable(name, 96); }

std::string with_colour(const PageInput& input, cluster::DeviceId device) {
  return report::keyed(colour(device), shown(input.problem.cluster().devices[device].name));
}

std::string human_ps(int64_t ps) { return config::human_time(static_cast<double>(ps) * 1e-12); }

std::string human_bytes(int64_t bytes) { return config::human_bytes(static_cast<double>(bytes)); }

double ratio(int64_t a, int64_t b) { return b > 0 ? static_cast<double>(a) / static_cast<double>(b) : 0; }

std::string percent(double share) { return share > 0 && share < 0.005 ? "<1 %" : fmt::format("{:.0f} %", share * 100); }

Unit time_unit(int64_t ps) {
  return unit_for(static_cast<double>(ps), {{1, "ps"}, {1e3, "ns"}, {1e6, "us"}, {1e9, "ms"}, {1e12, "s"}});
}

Unit byte_unit(double bytes) {
  return unit_for(bytes, {{1, "B"}, {0x1p10, "KiB"}, {0x1p20, "MiB"}, {0x1p30, "GiB"}, {0x1p40, "TiB"}});
}

std::string measure_name(const place::Problem& problem) {
  const bool mean = !problem.others().empty();
  switch (problem.objective()) {
    case Objective::throughput:
      return mean ? "Mean interval" : "Interval";
    case Objective::devices:
      return "Devices";
    case Objective::memory:
      return "Fullest memory";
    case Objective::latency:
      break;
  }
  return mean ? "Mean makespan" : "Makespan";
}

Unit measure_unit(const place::Problem& problem, int64_t most) {
  switch (problem.objective()) {
    case Objective::devices:
      return {1, ""};
    case Objective::memory:
      return {1e4, "%"};
    default:
      return time_unit(most);
  }
}

std::string measure_text(const place::Problem& problem, int64_t value) {
  return place::value_text(problem.objective(), value);
}

std::optional<int64_t> lower_bound(const place::Problem& problem) {
  if (problem.plain_latency()) return problem.bounds().best();
  // The largest load is at least what work is left to each device when it is shared out at will.
  if (problem.objective() == Objective::throughput && problem.others().empty()) return problem.bounds().work_ps;
  return std::nullopt;
}

std::string bound_name(const place::Problem& problem) {
  return problem.plain_latency() ? std::string(problem.bounds().binding()) : "work";
}

const place::MethodResult* chosen(const PageInput& input) {
  return input.comparison.methods.empty() ? nullptr : &input.comparison.methods[input.comparison.best];
}

const place::MethodResult* single_device(const PageInput& input) {
  for (const auto& result : input.comparison.methods)
    if (result.method == "single") return &result;
  return nullptr;
}

}  // namespace allot::emit
