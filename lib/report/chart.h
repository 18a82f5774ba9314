// SPDX-License-Identifier: Apache-2.0
// Line charts, scatter plots and round tick values.
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace allot::report {

struct Series {
  std::string name;
  std::vector<std::pair<double, double>> points;  // ascending in x; those that are not finite are left out
  bool step = false;                              // a value holds until the next point
};
/// A value that the series are held against: a dashed line across the chart.
struct Level {
  std::string name;
  double y;
};
struct ChartOptions {
  bool log_x = false;  // powers of ten are equally far apart; points with x <= 0 are left out
  std::vector<Level> levels = {};
};
/// Line chart with axes, tick labels, axis titles and, of several series, a legend; each series is thinned to at most
/// 2,000 points that keep its extremes. Series beyond the sixteenth repeat colours.
std::string line_chart(const std::vector<Series>& series, std::string_view x_label, std::string_view y_label,
                       const ChartOptions& options = {});

struct Dot {
  double x, y;      // finite, or it is left out
  size_t category;  // index of its category
};
/// Scatter plot, coloured by category, with a legend in order of the categories; later ones are drawn above. Of more
/// than 4,000 points so many are drawn, evenly chosen, and a line says so. tooltip(i) is that of points[i].
std::string scatter_chart(const std::vector<Dot>& points, const std::vector<std::string>& categories,
                          std::string_view x_label, std::string_view y_label,
                          const std::function<std::string(size_t)>& tooltip);

/// About `count` round tick values (1, 2 or 5 times a power of ten apart) that cover [low, high]: the first is <= low,
/// the last >= high. Never more than 4 * count + 2 values, also for equal, swapped, huge or non-finite ends.
std::vector<double> ticks(double low, double high, int count);

/// A tick as text, exact to its neighbour: 0.30000000000000004 of step 0.1 -> "0.3"; thousands -> "12k".
std::string tick_label(double value, double step);

/// At most `limit` points of `points` that keep the first, the last and the extremes of every stretch.
std::vector<std::pair<double, double>> thin(const std::vector<std::pair<double, double>>& points, size_t limit);

}  // namespace allot::report
