// SPDX-License-Identifier: Apache-2.0
#include "report/chart.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include <fmt/format.h>

#include "report/html.h"
#include "report/palette.h"
#include "report/svg.h"

namespace allot::report {
namespace {

using Points = std::vector<std::pair<double, double>>;

constexpr size_t kMaxPoints = 2000;
constexpr double kWidth = 1000, kHeight = 264, kTop = 30, kFoot = 42;  // kFoot: below the x axis
constexpr size_t kMaxDots = 4000;
constexpr double kScatterHeight = 440, kInset = 0.02;  // of the width: dots keep away from the edges

/// The largest of 1, 2, 5, 10 times a power of ten near `raw`, as digit and exponent.
std::pair<int, int> round_step(double raw) {
  const int exponent = static_cast<int>(std::floor(std::log10(raw)));
  const double digit = raw / std::pow(10.0, exponent);
  if (digit < 1.5) return {1, exponent};
  if (digit < 3.5) return {2, exponent};
  if (digit < 7.5) return {5, exponent};
  return {1, exponent + 1};
}

/// Digits after the point that write `step` exactly, at most 8.
int decimals_of(double step) {
  int decimals = 0;
  for (double scaled = step; decimals < 8 && std::abs(scaled - std::round(scaled)) > 1e-6; scaled *= 10) ++decimals;
  return decimals;
}

Points drawable(const Points& points, bool log_x) {
  Points result;
  for (const auto& point : points)
    if (std::isfinite(point.first) && std::isfinite(point.second) && (!log_x || point.first > 0))
      result.push_back(point);
  return result;
}

Points as_steps(const Points& points) {
  Points result;
  for (const auto& [x, y] : points) {
    if (!result.empty()) result.emplace_back(x, result.back().second);
    result.emplace_back(x, y);
  }
  return result;
}

/// The smallest and largest value of one coordinate over all series.
template <typename Coordinate>
std::pair<double, double> range(const std::vector<Points>& series, Coordinate coordinate) {
  double low = std::numeric_limits<double>::infinity(), high = -low;
  for (const Points& points : series)
    for (const auto& point : points) {
      low = std::min(low, coordinate(point));
      high = std::max(high, coordinate(point));
    }
  return {low, high};
}

struct Axis {
  std::vector<double> values;
  std::vector<std::string> labels;
  double low, per_unit, at;  // pixel = at + (value - low) * per_unit, where value is its logarithm if `log`
  bool log = false;
  double operator()(double value) const { return at + ((log ? std::log10(value) : value) - low) * per_unit; }
};

Axis axis(std::pair<double, double> data, int count, double from, double to) {
  Axis result{ticks(data.first, data.second, count), {}, 0, 0, from};
  for (const double value : result.values)
    result.labels.push_back(tick_label(value, result.values[1] - result.values[0]));
  result.low = result.values.front();
  result.per_unit = (to - from) / (result.values.back() - result.low);
  return result;
}

/// Powers of ten within the data, and where these are few their double and fivefold, too.
Axis log_axis(std::pair<double, double> data, double from, double to) {
  if (!(data.first <= data.second)) data = {1, 10};
  if (data.first == data.second) data = {data.first / 2, data.first * 2};
  const double low = std::log10(data.first), decades = std::log10(data.second) - low;
  Axis result{{}, {}, low, (to - from) / decades, from, true};
  const double step = std::ceil(decades / 8);
  for (double exponent = std::floor(low); exponent <= low + decades; exponent += step)
    for (const double digit : {1, 2, 5}) {
      const double value = digit * std::pow(10, exponent);
      if (value < data.first || value > data.second || (digit > 1 && decades > 2)) continue;
      result.values.push_back(value);
      result.labels.push_back(tick_label(value, value));
    }
  return result;
}

void draw_grid(Svg& svg, const Axis& x, const Axis& y) {
  for (const double value : y.values)
    svg.line(0, y(value), kWidth, y(value), value == y.values.front() ? "axis" : "grid");
  for (const double value : x.values) svg.line(x(value), y.at, x(value), y.at + 4, "axis");
}

/// Above the curves, so that they cannot hide a figure.
void draw_labels(Svg& svg, const Axis& x, const Axis& y, std::string_view x_label, std::string_view y_label) {
  svg.text(0, 12, y_label, "start", "title");
  for (size_t i = 0; i < y.values.size(); ++i) svg.text(0, y(y.values[i]) - 4, y.labels[i], "start", "halo");
  for (size_t i = 0; i < x.values.size(); ++i) {
    const double at = x(x.values[i]);
    svg.text(at, y.at + 18, x.labels[i], at <= 0 ? "start" : at >= kWidth * 0.99 ? "end" : "middle");
  }
  svg.text(kWidth, y.at + 36, x_label, "end", "title");
}

void draw_levels(Svg& svg, const Axis& y, const std::vector<Level>& levels) {
  for (const Level& level : levels) {
    svg.line(0, y(level.y), kWidth, y(level.y), "limit");
    svg.text(kWidth, y(level.y) - 5, level.name, "end", "halo");
  }
}

std::string legend(const std::vector<std::string>& names) {
  std::string result = "<ul class=\"legend\">";
  for (size_t i = 0; i < names.size(); ++i) result += fmt::format("<li>{}</li>", keyed(look(i), names[i]));
  return result + "</ul>\n";
}

/// Points to draw, by category, evenly chosen where there are too many.
std::vector<size_t> drawn_dots(const std::vector<Dot>& points) {
  std::vector<size_t> drawn;
  for (size_t i = 0; i < points.size(); ++i)
    if (std::isfinite(points[i].x) && std::isfinite(points[i].y)) drawn.push_back(i);
  if (const size_t all = drawn.size(); all > kMaxDots) {
    for (size_t i = 0; i < kMaxDots; ++i) drawn[i] = drawn[i * all / kMaxDots];
    drawn.resize(kMaxDots);
  }
  std::stable_sort(drawn.begin(), drawn.end(),
                   [&](size_t a, size_t b) { return points[a].category < points[b].category; });
  return drawn;
}

}  // namespace

std::vector<double> ticks(double low, double high, int count) {
  if (!std::isfinite(low) || !std::isfinite(high)) return {0, 1};
  if (low > high) std::swap(low, high);
  if (low == high) {
    const double half = low == 0 ? 0.5 : std::abs(low) / 2;
    low -= half, high += half;
  }
  const double raw = (high - low) / std::max(count, 1);
  if (!std::isfinite(raw) || raw < std::numeric_limits<double>::min() * 10) return {low, high};
  const auto [digit, exponent] = round_step(raw);
  const double scale = std::pow(10.0, std::abs(exponent));
  const auto value_of = [&](double index) { return exponent < 0 ? index * digit / scale : index * digit * scale; };
  const double step = value_of(1), first = std::floor(low / step), last = std::ceil(high / step);
  if (std::max(std::abs(first), std::abs(last)) > 1e15) return {low, high};  // neighbours would be equal
  std::vector<double> result;
  for (double index = first; index <= last; ++index) result.push_back(value_of(index));
  // Rounding of low / step may have cost the last bit.
  if (result.front() > low) result.insert(result.begin(), value_of(first - 1));
  if (result.back() < high) result.push_back(value_of(last + 1));
  return result;
}

std::string tick_label(double value, double step) {
  const double size = std::max(std::abs(value), std::abs(step));
  if (size == 0) return "0";
  if (size >= 1e15 || size < 1e-4) return fmt::format("{:.4g}", value);
  constexpr std::pair<double, const char*> kUnits[] = {{1e12, "T"}, {1e9, "G"}, {1e6, "M"}, {1e4, "k"}, {0, ""}};
  for (const auto& [from, suffix] : kUnits) {
    if (size < from) continue;
    const double unit = from == 1e4 ? 1e3 : from == 0 ? 1 : from;
    return value == 0 ? "0" : short_number(value / unit, decimals_of(step / unit)) + suffix;
  }
  return {};
}

Points thin(const Points& points, size_t limit) {
  if (points.size() <= limit || limit < 4) return points;
  const size_t buckets = limit / 2 - 1;
  Points result{points.front()};
  const size_t inner = points.size() - 2;
  for (size_t bucket = 0; bucket < buckets; ++bucket) {
    const auto begin = points.begin() + 1 + static_cast<std::ptrdiff_t>(bucket * inner / buckets);
    const auto end = points.begin() + 1 + static_cast<std::ptrdiff_t>((bucket + 1) * inner / buckets);
    auto [low, high] = std::minmax_element(begin, end, [](auto& a, auto& b) { return a.second < b.second; });
    if (low > high) std::swap(low, high);
    result.push_back(*low);
    if (high != low) result.push_back(*high);
  }
  result.push_back(points.back());
  return result;
}

std::string line_chart(const std::vector<Series>& series, std::string_view x_label, std::string_view y_label,
                       const ChartOptions& options) {
  std::vector<Points> lines;
  for (const Series& one : series) lines.push_back(thin(drawable(one.points, options.log_x), kMaxPoints));
  const auto width = range(lines, [](auto& point) { return point.first; });
  auto height = range(lines, [](auto& point) { return point.second; });
  for (const Level& level : options.levels)
    height = {std::min(height.first, level.y), std::max(height.second, level.y)};
  const Axis x = options.log_x ? log_axis(width, 0, kWidth) : axis(width, 6, 0, kWidth);
  const Axis y = axis(height, 4, kHeight - kFoot, kTop);
  Svg svg(kWidth, kHeight);
  draw_grid(svg, x, y);
  for (size_t i = 0; i < lines.size(); ++i) {
    Points pixels = series[i].step ? as_steps(lines[i]) : lines[i];
    for (auto& [px, py] : pixels) px = x(px), py = y(py);
    if (!pixels.empty()) svg.path(pixels, "curve " + look(i), series[i].name);
  }
  draw_levels(svg, y, options.levels);
  draw_labels(svg, x, y, x_label, y_label);
  std::vector<std::string> names;
  for (const Series& one : series) names.push_back(one.name);
  return "<figure>" + (names.size() < 2 ? "" : legend(names)) + svg.str(fmt::format("{} over {}", y_label, x_label)) +
         "</figure>\n";
}

std::string scatter_chart(const std::vector<Dot>& points, const std::vector<std::string>& categories,
                          std::string_view x_label, std::string_view y_label,
                          const std::function<std::string(size_t)>& tooltip) {
  const std::vector<size_t> drawn = drawn_dots(points);
  Points places;
  for (const size_t i : drawn) places.emplace_back(points[i].x, points[i].y);
  const Axis x =
      axis(range({places}, [](auto& point) { return point.first; }), 6, kInset * kWidth, (1 - kInset) * kWidth);
  const Axis y = axis(range({places}, [](auto& point) { return point.second; }), 6, kScatterHeight - kFoot, kTop);
  Svg svg(kWidth, kScatterHeight);
  draw_grid(svg, x, y);
  for (const size_t i : drawn) svg.dot(x(points[i].x), y(points[i].y), look(points[i].category), tooltip(i));
  draw_labels(svg, x, y, x_label, y_label);
  std::string html = "<figure>" + legend(categories) + svg.str(fmt::format("{} over {}", y_label, x_label));
  if (drawn.size() < points.size())
    html += fmt::format("<p class=\"quiet\">{} of {} points are drawn.</p>", drawn.size(), points.size());
  return html + "</figure>\n";
}

}  // namespace allot::report
