// SPDX-License-Identifier: Apache-2.0
#include "place/shares.h"

#include <algorithm>
#include <limits>
#include <numeric>

#include "place/memory_estimate.h"

namespace allot::place {
namespace {

constexpr double kLeastShare = 1e-3;  // of an equal share

std::vector<double> normalised(std::vector<double> values) {
  const double sum = std::accumulate(values.begin(), values.end(), 0.0);
  const double equal = 1.0 / static_cast<double>(values.size());
  double total = 0;
  for (double& value : values) total += value = std::max(sum > 0 ? value / sum : equal, kLeastShare * equal);
  for (double& value : values) value /= total;
  return values;
}

}  // namespace

double mean_unit_time_ps(const Problem& problem, UnitId unit) {
  double sum = 0;
  for (const DeviceId device : problem.choices(unit)) sum += static_cast<double>(problem.unit_time_ps(unit, device));
  return sum / static_cast<double>(problem.choices(unit).size());
}

std::vector<double> time_shares(const Problem& problem) {
  std::vector<double> own(problem.devices(), 0), mean(problem.devices(), 0), speed(problem.devices(), 0);
  for (UnitId unit = 0; unit < problem.graph().num_units(); ++unit) {
    const double typical = mean_unit_time_ps(problem, unit);
    for (const DeviceId device : problem.choices(unit)) {
      own[device] += static_cast<double>(problem.unit_time_ps(unit, device));
      mean[device] += typical;
    }
  }
  for (DeviceId device = 0; device < problem.devices(); ++device)
    if (own[device] > 0) speed[device] = mean[device] / own[device];
  return normalised(std::move(speed));
}

std::vector<double> memory_shares(const Problem& problem) {
  std::vector<double> bytes;
  for (const auto& device : problem.cluster().devices)
    bytes.push_back(static_cast<double>(std::max<int64_t>(0, device.usable_bytes())));
  return normalised(std::move(bytes));
}

bool memory_may_run_out(const Problem& problem) {
  int64_t everything = 0, smallest = std::numeric_limits<int64_t>::max();
  for (UnitId unit = 0; unit < problem.graph().num_units(); ++unit) everything += unit_bytes(problem, unit);
  for (const auto& device : problem.cluster().devices) smallest = std::min(smallest, device.usable_bytes());
  return everything > smallest;
}

}  // namespace allot::place
