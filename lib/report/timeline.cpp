// SPDX-License-Identifier: Apache-2.0
#include "report/timeline.h"

#include <algorithm>
#include <array>
#include <cmath>

#include <fmt/format.h>

#include "report/chart.h"
#include "report/html.h"
#include "report/svg.h"

namespace allot::report {
namespace {

constexpr size_t kMaxSpans = 2000, kMaxNamed = 1000, kMaxBins = 1200, kMaxBinsInAll = 40000;
constexpr double kRow = 24, kAxis = 22, kLevels = 4;

struct Canvas {
  Svg svg;
  double horizon, width;
  double x(double time) const { return std::clamp(time / horizon, 0.0, 1.0) * width; }
};

struct Row {
  double top, height;
};
Row row_of(const Lane& lane, size_t index) {
  const double height = lane.thin ? 8 : 16;
  return {static_cast<double>(index) * kRow + (kRow - height) / 2, height};
}

void draw_span(Canvas& canvas, const Lane& lane, size_t index, const Span& span, bool alternate,
               const std::string& tooltip) {
  const Row row = row_of(lane, index);
  const double from = canvas.x(span.start), width = std::max(canvas.x(span.end) - from, canvas.width * 2e-4);
  canvas.svg.rect(from, row.top, width, row.height, lane.css_class + (alternate ? " alt" : ""), tooltip);
}

/// Neighbours alternate in shade, so that ops that follow one another without a gap stay distinct.
template <typename Chosen, typename Tooltip>
void draw_spans(Canvas& canvas, const std::vector<Lane>& lanes, const Chosen& chosen, const Tooltip& tooltip) {
  for (size_t i = 0; i < lanes.size(); ++i) {
    bool alternate = false;
    for (const Span& span : lanes[i].spans) {
      if (!chosen(span)) continue;
      draw_span(canvas, lanes[i], i, span, alternate, tooltip(lanes[i], span));
      alternate = !alternate;
    }
  }
}

/// One path for each of four shades; neighbouring bins of one shade become one bar.
void draw_shades(Canvas& canvas, const Lane& lane, size_t index, size_t bins) {
  const std::vector<double> busy = occupancy(lane.spans, canvas.horizon, bins);
  const auto shade = [&](size_t bin) {
    return busy[bin] <= 0 ? 0 : static_cast<int>(std::clamp(std::ceil(busy[bin] * kLevels - 0.1), 1.0, kLevels));
  };
  std::array<std::vector<std::pair<double, double>>, 5> bars;
  const double width = canvas.width / static_cast<double>(bins);
  for (size_t begin = 0, end; begin < bins; begin = end) {
    for (end = begin + 1; end < bins && shade(end) == shade(begin);) ++end;
    bars[static_cast<size_t>(shade(begin))].emplace_back(static_cast<double>(begin) * width,
                                                         static_cast<double>(end) * width);
  }
  const Row row = row_of(lane, index);
  for (size_t level = 1; level < bars.size(); ++level)
    if (!bars[level].empty())
      canvas.svg.spans(bars[level], row.top, row.height, fmt::format("{} s{}", lane.css_class, level));
}

/// Duration from which on a span belongs to the `count` longest.
double long_from(const std::vector<Lane>& lanes, size_t count) {
  std::vector<double> lengths;
  for (const Lane& lane : lanes)
    for (const Span& span : lane.spans) lengths.push_back(span.end - span.start);
  const auto nth = lengths.begin() + static_cast<std::ptrdiff_t>(count);
  std::nth_element(lengths.begin(), nth, lengths.end(), std::greater<>());
  return *nth;
}

/// Ticks for each magnification and for narrow screens; the style sheet shows one of these groups.
void draw_axis(Canvas& canvas, double bottom, std::string_view unit) {
  for (const auto& [name, count] : {std::pair{"narrow", 3}, {"x1", 6}, {"x4", 20}, {"x16", 80}}) {
    const std::vector<double> values = ticks(0, canvas.horizon, count);
    canvas.svg.begin_group(name);
    for (const double value : values) {
      if (value > canvas.horizon * (1 + 1e-9)) continue;
      const bool last = canvas.x(value) > canvas.width * 0.97;
      const std::string label = tick_label(value, values[1] - values[0]);
      canvas.svg.line(canvas.x(value), 0, canvas.x(value), bottom + 4, "grid");
      canvas.svg.text(canvas.x(value), bottom + 18, value == 0 ? fmt::format("0 {}", unit) : label,
                      value == 0 ? "start"
                      : last     ? "end"
                                 : "middle");
    }
    canvas.svg.end_group();
  }
  canvas.svg.line(0, bottom, canvas.width, bottom, "axis");
}

std::string labels(const std::vector<Lane>& lanes) {
  std::string result = "<ol class=\"lanes\">";
  for (const Lane& lane : lanes) {
    const std::string name = escape(lane.name);
    result += fmt::format("<li title=\"{0}\"><span>{0}</span>", name);
    if (!lane.note.empty()) result += fmt::format("<small>{}</small>", escape(lane.note));
    result += "</li>";
  }
  return result + "</ol>\n";
}

std::string magnifier(std::string_view name) {
  std::string result = "<fieldset class=\"zoom\"><legend>Magnify</legend>";
  for (const int factor : {1, 4, 16})
    result += fmt::format("<label><input type=\"radio\" name=\"{}\" class=\"z{}\"{}>{}×</label>", escape(name), factor,
                          factor == 1 ? " checked" : "", factor);
  return result + "</fieldset>\n";
}

}  // namespace

std::vector<double> occupancy(const std::vector<Span>& spans, double horizon, size_t bins) {
  std::vector<double> busy(bins, 0), whole(bins + 1, 0);  // whole: change in how many spans cover a bin entirely
  const double scale = static_cast<double>(bins) / horizon, last = static_cast<double>(bins);
  for (const Span& span : spans) {
    const double from = std::clamp(span.start * scale, 0.0, last), to = std::clamp(span.end * scale, 0.0, last);
    if (!(to > from)) continue;
    const auto first_bin = std::min(static_cast<size_t>(from), bins - 1);
    const auto last_bin = std::min(static_cast<size_t>(to), bins - 1);
    if (first_bin == last_bin) {
      busy[first_bin] += to - from;
      continue;
    }
    busy[first_bin] += static_cast<double>(first_bin + 1) - from;
    busy[last_bin] += to - static_cast<double>(last_bin);
    whole[first_bin + 1] += 1;
    whole[last_bin] -= 1;
  }
  double covering = 0;
  for (size_t bin = 0; bin < bins; ++bin) {
    covering += whole[bin];
    busy[bin] = std::min(busy[bin] + covering, 1.0);
  }
  return busy;
}

std::string timeline(std::string_view name, const std::vector<Lane>& lanes, double horizon, std::string_view unit,
                     const std::function<std::string(const Lane&, const Span&)>& tooltip) {
  const double bottom = static_cast<double>(lanes.size()) * kRow + 4;
  size_t spans = 0;
  for (const Lane& lane : lanes) spans += lane.spans.size();
  const bool exact = spans <= kMaxSpans;
  const size_t bins = std::min(kMaxBins, kMaxBinsInAll / std::max<size_t>(lanes.size(), 1) + 1);
  // In bins a unit is one bin, which keeps the paths short.
  const double width = exact ? 1000 : static_cast<double>(bins);
  Canvas canvas{Svg(width, bottom + kAxis), horizon > 0 ? horizon : 1, width};
  draw_axis(canvas, bottom, unit);
  if (exact) {
    draw_spans(
        canvas, lanes, [](const Span&) { return true; }, tooltip);
  } else {
    for (size_t i = 0; i < lanes.size(); ++i) draw_shades(canvas, lanes[i], i, bins);
    const double threshold = long_from(lanes, kMaxNamed);
    draw_spans(
        canvas, lanes, [&](const Span& span) { return span.end - span.start > threshold; }, tooltip);
  }
  return fmt::format(
      "<div class=\"timeline\">\n{}<div class=\"plot\">\n{}<div class=\"frame\" tabindex=\"0\">\n{}"
      "</div></div></div>\n",
      magnifier(name), labels(lanes), canvas.svg.str("Busy time of each device and link"));
}

}  // namespace allot::report
