// SPDX-License-Identifier: Apache-2.0
#include "report/heat_map.h"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "report/svg.h"

namespace allot::report {
namespace {

constexpr int kSteps = 9;
constexpr double kWidth = 640, kMostHeight = 24, kKeyCell = 20, kKeyHeight = 34;

double largest_magnitude(const std::vector<std::vector<double>>& rows) {
  double most = 0;
  for (const auto& row : rows)
    for (const double value : row)
      if (std::isfinite(value)) most = std::max(most, std::abs(value));
  return most;
}

/// "accent h9": its colour and strength; empty for what is not drawn.
std::string class_of(double value, double most) {
  if (!std::isfinite(value) || most == 0) return {};
  const int step = static_cast<int>(std::lround(std::abs(value) / most * kSteps));
  return step == 0 ? std::string() : fmt::format("{} h{}", value > 0 ? "accent" : "bad", step);
}

/// What the strengths mean, from the smallest number to the largest.
std::string key_of(double most) {
  Svg svg(kWidth, kKeyHeight);
  const double middle = kWidth / 2;
  for (int step = -kSteps; step <= kSteps; ++step) {
    const double value = most * step / kSteps;
    if (const std::string css_class = class_of(value, most); !css_class.empty())
      svg.rect(middle + kKeyCell * (step - 0.5), 0, kKeyCell, 12, css_class, short_number(value, 3));
  }
  for (const int step : {-kSteps, 0, kSteps})
    svg.text(middle + kKeyCell * step, 28, short_number(most * step / kSteps, 3), "middle");
  return svg.str("key to the strengths of colours");
}

}  // namespace

std::string heat_map(const std::vector<std::vector<double>>& rows, std::string_view label,
                     const std::function<std::string(size_t, size_t)>& tooltip) {
  if (rows.empty() || rows[0].empty()) return {};
  const double most = largest_magnitude(rows), wide = kWidth / static_cast<double>(rows[0].size());
  const double high = std::min(kMostHeight, wide);
  Svg svg(kWidth, high * static_cast<double>(rows.size()));
  for (size_t row = 0; row < rows.size(); ++row)
    for (size_t column = 0; column < rows[row].size(); ++column)
      if (const std::string css_class = class_of(rows[row][column], most); !css_class.empty())
        svg.rect(static_cast<double>(column) * wide, static_cast<double>(row) * high, wide, high, css_class,
                 tooltip(row, column));
  return fmt::format("<div class=\"heat\">{}{}</div>\n", svg.str(label), key_of(most));
}

}  // namespace allot::report
