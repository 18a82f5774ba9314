// SPDX-License-Identifier: Apache-2.0
#include "mixcal/guards.h"

#include <algorithm>

#include "base/error.h"

namespace allot::mixcal {
namespace {

/// What makes weights move slower.
const char* remedy(const std::string& method) {
  return method == "doge" ? "raise --doge.pull" : method == "aioli" ? "lower --aioli.step" : "lower --dro.step";
}

}  // namespace

std::vector<std::string> trajectory_warnings(const std::vector<std::vector<double>>& trajectory,
                                             const std::vector<std::string>& names, const std::string& method) {
  std::vector<std::string> warnings;
  const size_t domains = names.size();
  double largest = 0;
  std::vector<double> silent(domains);
  for (const auto& row : trajectory) {
    largest += *std::max_element(row.begin() + 1, row.begin() + 1 + static_cast<std::ptrdiff_t>(domains));
    for (size_t i = 0; i < domains; ++i) silent[i] += row[1 + domains + i] == 0 ? 1 : 0;
  }
  const auto rows = static_cast<double>(trajectory.size());
  // Of two domains more than half is little.
  if (largest / rows > std::max(0.5, 1.5 / static_cast<double>(domains)))
    warnings.push_back(fmt::format("the largest weight was {:.2f} on average: {}", largest / rows, remedy(method)));
  for (size_t i = 0; i < domains && method == "doremi"; ++i)
    if (silent[i] > 0.95 * rows)
      warnings.push_back(fmt::format("the proxy was better than the reference on '{}' nearly always: train longer",
                                     base::printable(names[i])));
  return warnings;
}

}  // namespace allot::mixcal
