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

constexpr size_t kMaxBytes = 2'000'000;  // of the spans that the script draws
constexpr size_t kMaxBins = 1200, kMaxBinsInAll = 40000;
constexpr double kRow = 24, kAxis = 22, kLevels = 4, kQuantum = 1e-8;

struct Row {
  double top, height;
};
Row row_of(const Lane& lane, size_t index) {
  const double height = lane.thin ? 8 : 16;
  return {static_cast<double>(index) * kRow + (kRow - height) / 2 - 1, height};
}

// ---- at rest: what a viewer without scripts shows

using Ends = std::vector<std::pair<double, double>>;

/// One path for each of four shades; neighbouring bins of one shade become one bar.
void draw_shades(Svg& svg, const Lane& lane, const Row& row, double horizon, size_t bins) {
  const std::vector<double> busy = occupancy(lane.spans, horizon, bins);
  const auto shade = [&](size_t bin) {
    return busy[bin] <= 0 ? 0 : static_cast<int>(std::clamp(std::ceil(busy[bin] * kLevels - 0.1), 1.0, kLevels));
  };
  std::array<Ends, 5> bars;
  for (size_t begin = 0, end; begin < bins; begin = end) {
    for (end = begin + 1; end < bins && shade(end) == shade(begin);) ++end;
    bars[static_cast<size_t>(shade(begin))].emplace_back(begin, end);
  }
  for (size_t level = 1; level < bars.size(); ++level)
    if (!bars[level].empty()) svg.spans(bars[level], row.top, row.height, fmt::format("{} s{}", lane.css_class, level));
}

/// A line below the spans that are critical.
void draw_critical(Svg& svg, const Lane& lane, const Row& row, double horizon, size_t bins) {
  Ends lines;
  for (const Span& span : lane.spans) {
    if (!span.critical) continue;
    const double scale = static_cast<double>(bins) / horizon, from = std::floor(span.start * scale),
                 to = std::max(std::ceil(span.end * scale), from + 1);
    if (!lines.empty() && from <= lines.back().second)
      lines.back().second = std::max(lines.back().second, to);
    else
      lines.emplace_back(from, to);
  }
  if (!lines.empty()) svg.spans(lines, row.top + row.height + 1, 2, "critical");
}

/// Ticks for wide screens and for narrow ones; the style sheet shows one of these groups.
void draw_axis(Svg& svg, double horizon, double width, double bottom, std::string_view unit) {
  for (const auto& [name, count] : {std::pair{"narrow", 3}, {"broad", 6}}) {
    const std::vector<double> values = ticks(0, horizon, count);
    svg.begin_group(fmt::format("still {}", name));
    for (const double value : values) {
      if (value > horizon * (1 + 1e-9)) continue;
      const double x = std::clamp(value / horizon, 0.0, 1.0) * width;
      const char* anchor = value == 0 ? "start" : x > width * 0.97 ? "end" : "middle";
      svg.line(x, 0, x, bottom + 4, "grid");
      svg.text(x, bottom + 18, value == 0 ? fmt::format("0 {}", unit) : tick_label(value, values[1] - values[0]),
               anchor);
    }
    svg.line(0, bottom, width, bottom, "axis");
    svg.end_group();
  }
}

std::string still(const std::vector<Lane>& lanes, double horizon, std::string_view unit) {
  const size_t bins = std::min(kMaxBins, kMaxBinsInAll / std::max<size_t>(lanes.size(), 1) + 1);
  const double bottom = static_cast<double>(lanes.size()) * kRow + 4;
  Svg svg(static_cast<double>(bins), bottom + kAxis);  // a unit is one bin, which keeps the paths short
  draw_axis(svg, horizon, static_cast<double>(bins), bottom, unit);
  svg.begin_view("rest");
  for (size_t i = 0; i < lanes.size(); ++i) {
    draw_shades(svg, lanes[i], row_of(lanes[i], i), horizon, bins);
    draw_critical(svg, lanes[i], row_of(lanes[i], i), horizon, bins);
  }
  svg.end_view();
  return svg.str("Busy time of each device and link");
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

// ---- in motion: what the script draws from

struct Kept {
  size_t left_out = 0;
  std::vector<std::vector<std::string>> text;  // by lane and span; empty: left out
};

/// Tooltips, as far as they fit: first of critical spans, then of long ones.
Kept keep(const std::vector<Lane>& lanes, const std::function<std::string(const Lane&, const Span&)>& tooltip) {
  constexpr size_t kNumbers = 16;  // bytes that start and length take, about
  struct Place {
    size_t lane, span;
  };
  std::vector<Place> order;
  Kept kept;
  for (size_t lane = 0; lane < lanes.size(); ++lane) {
    kept.text.emplace_back(lanes[lane].spans.size());
    for (size_t span = 0; span < lanes[lane].spans.size(); ++span) order.push_back({lane, span});
  }
  const auto rank = [&](const Place& place) {
    const Span& span = lanes[place.lane].spans[place.span];
    return std::pair(span.critical, span.end - span.start);
  };
  std::stable_sort(order.begin(), order.end(), [&](auto& a, auto& b) { return rank(a) > rank(b); });
  size_t bytes = 0;
  for (const auto& [lane, span] : order) {
    if (bytes > kMaxBytes) {
      ++kept.left_out;
      continue;
    }
    std::string& text = kept.text[lane][span] = script_string(tooltip(lanes[lane], lanes[lane].spans[span]));
    bytes += text.size() + kNumbers;
  }
  return kept;
}

/// Appends to a JSON array.
void append(std::string& list, std::string_view item) {
  if (!list.empty()) list += ',';
  list += item;
}

/// Starts are differences to the span before; times are multiples of kQuantum horizons.
std::string lane_json(const Lane& lane, const Row& row, double horizon, const std::vector<std::string>& kept) {
  std::string start, length, text, critical;
  int64_t before = 0;
  uint32_t index = 0;
  for (size_t i = 0; i < lane.spans.size(); ++i) {
    if (kept[i].empty()) continue;
    const Span& span = lane.spans[i];
    const int64_t at = std::llround(span.start / horizon / kQuantum);
    append(start, std::to_string(at - before));
    append(length, std::to_string(std::llround(span.end / horizon / kQuantum) - at));
    append(text, kept[i]);
    if (span.critical) append(critical, std::to_string(index));
    before = at;
    ++index;
  }
  return fmt::format(
      "{{\"css\":\"{}\",\"top\":{},\"height\":{},\"start\":[{}],\"length\":[{}],\"text\":[{}],\"critical\":[{}]}}",
      lane.css_class, row.top, row.height, start, length, text, critical);
}

std::string data(const std::vector<Lane>& lanes, double horizon, std::string_view unit, const Kept& kept) {
  std::string list;
  for (size_t i = 0; i < lanes.size(); ++i)
    append(list, "\n" + lane_json(lanes[i], row_of(lanes[i], i), horizon, kept.text[i]));
  return fmt::format(
      "<script type=\"application/json\">{{\"horizon\":{},\"unit\":{},\"quantum\":{},\"complete\":{},\"lanes\":[{}]}}"
      "</script>\n",
      horizon, script_string(unit), kQuantum, kept.left_out == 0, list);
}

std::string controls() {
  std::string result = "<p class=\"zoom\" hidden>";
  for (const auto& [key, label, meaning] :
       {std::array{"-", "−", "Magnify less"}, {"+", "+", "Magnify more"}, {"0", "All", "Show all"}})
    result += fmt::format("<button type=\"button\" data-key=\"{}\" aria-label=\"{}\">{}</button>", key, meaning, label);
  return result +
         "<span><span class=\"broad\">Drag or ← → to move, Ctrl + wheel or + − to magnify, comma and full stop from "
         "bar to bar</span>"
         "<span class=\"narrow\">Drag to move, tap a bar for its name</span></span></p>\n";
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

std::string timeline(const std::vector<Lane>& lanes, double horizon, std::string_view unit,
                     const std::function<std::string(const Lane&, const Span&)>& tooltip) {
  if (!(horizon > 0)) horizon = 1;
  const Kept kept = keep(lanes, tooltip);
  std::string html = fmt::format(
      "<div class=\"timeline\">\n{}<div class=\"plot\">\n{}<div class=\"frame\" tabindex=\"0\" role=\"group\" "
      "aria-label=\"Timeline; arrow keys move it, plus and minus magnify it, comma and full stop go from bar to "
      "bar\">\n{}</div></div>\n<div class=\"tip\" role=\"status\"></div>\n{}</div>\n",
      controls(), labels(lanes), still(lanes, horizon, unit), data(lanes, horizon, unit, kept));
  if (kept.left_out > 0)
    html += fmt::format("<p class=\"quiet\">The {} shortest bars show as shade only.</p>\n", kept.left_out);
  return html;
}

}  // namespace allot::report
