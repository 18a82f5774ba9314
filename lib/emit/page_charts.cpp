// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include <fmt/format.h>

#include "config/units.h"
#include "emit/page_parts.h"
#include "emit/tracks.h"
#include "report/chart.h"
#include "report/flow.h"
#include "report/html.h"
#include "report/svg.h"
#include "report/timeline.h"

namespace allot::emit {
namespace {

using cluster::DeviceId;
using report::escape;

constexpr size_t kMaxWires = 24, kMaxMemoryPoints = 16000;

/// What the critical chain is made of.
struct Critical {
  explicit Critical(const PageInput& input) : op(input.placement.size()) {
    for (const sim::CriticalStep& step : input.outcome.critical) {
      if (step.op != graph::kNone)
        op[step.op] = true;
      else
        transfers.insert({step.tensor, step.to});
    }
  }
  bool has(const sim::Transfer& transfer) const { return transfers.contains({transfer.tensor, transfer.to}); }

  std::vector<bool> op;
  std::set<std::pair<graph::TensorId, DeviceId>> transfers;
};

report::Lane lane_of(const PageInput& input, const Track& track, const Critical& critical, double unit_ps) {
  const int64_t makespan_ps = input.outcome.makespan_ps;
  report::Lane lane;
  lane.name = shown(track.name);
  lane.css_class = track.device ? colour(*track.device) : "";
  lane.thin = !track.is_device;
  if (makespan_ps > 0)
    lane.note = percent(std::min(static_cast<double>(track.busy_ps()) / static_cast<double>(makespan_ps), 1.0));
  for (const Slice& slice : track.slices)
    lane.spans.push_back({static_cast<double>(slice.start_ps) / unit_ps, static_cast<double>(slice.end_ps) / unit_ps,
                          slice.id,
                          track.is_device ? critical.op[slice.id] : critical.has(input.outcome.transfers[slice.id])});
  return lane;
}

/// Devices that do anything, then the busiest wires in their own order.
std::vector<Track> drawn_tracks(const PageInput& input, size_t& wires_left_out) {
  std::vector<Track> all = tracks(input.problem.cluster(), input.placement, input.outcome), drawn;
  std::vector<int64_t> busy;
  for (const Track& track : all)
    if (!track.is_device) busy.push_back(track.busy_ps());
  wires_left_out = busy.size() > kMaxWires ? busy.size() - kMaxWires : 0;
  int64_t least = -1;
  if (wires_left_out > 0) {
    std::nth_element(busy.begin(), busy.begin() + kMaxWires - 1, busy.end(), std::greater<>());
    least = busy[kMaxWires - 1];
  }
  size_t wires = 0;
  for (Track& track : all) {
    if (track.slices.empty()) continue;
    if (!track.is_device && (track.busy_ps() < least || wires++ >= kMaxWires)) continue;
    drawn.push_back(std::move(track));
  }
  return drawn;
}

/// Floor, live curve and capacity of one device over [0, 1000] x pixels.
class MemoryPanel {
 public:
  MemoryPanel(const PageInput& input, DeviceId device)
      : capacity_(static_cast<double>(input.problem.cluster().devices[device].usable_bytes())),
        peak_(static_cast<double>(input.outcome.peak_bytes[device])),
        floor_(static_cast<double>(input.outcome.param_bytes[device])),
        horizon_(static_cast<double>(std::max<int64_t>(input.outcome.makespan_ps, 1))),
        unit_(byte_unit(std::max(peak_, 1.0))) {
    // A capacity far above the peak would flatten the curve; the heading names it anyhow.
    const double most = capacity_ <= 3 * peak_ ? std::max(capacity_, peak_) : peak_;
    values_ = report::ticks(0, std::max(most, 1.0) / unit_.size, 3);
  }

  std::string draw(const std::vector<sim::MemoryPoint>& curve, size_t max_points, std::string_view css,
                   std::string_view label) {
    std::vector<std::pair<double, double>> points;
    for (const sim::MemoryPoint& point : curve) {
      const double x = static_cast<double>(point.time_ps) / horizon_ * kWidth;
      points.emplace_back(x, static_cast<double>(point.bytes));
    }
    points = report::thin(points, max_points);
    grid();
    area(points, fmt::format("area faint {}", css));
    svg_.path({{0, y(0)}, {0, y(floor_)}, {kWidth, y(floor_)}, {kWidth, y(0)}}, fmt::format("area solid {}", css));
    if (capacity_ <= values_.back() * unit_.size) svg_.line(0, y(capacity_), kWidth, y(capacity_), "limit");
    return svg_.str(label);
  }

 private:
  static constexpr double kWidth = 1000, kTop = 16, kBottom = 116;

  double y(double bytes) const { return kBottom - bytes / unit_.size / values_.back() * (kBottom - kTop); }

  void grid() {
    for (const double value : values_) svg_.line(0, y(value * unit_.size), kWidth, y(value * unit_.size), "grid");
    svg_.text(0, kTop - 4, fmt::format("{} {}", report::tick_label(values_.back(), values_[1]), unit_.name));
  }

  /// Each value holds until the next point.
  void area(const std::vector<std::pair<double, double>>& points, const std::string& css) {
    std::vector<std::pair<double, double>> outline{{0, y(0)}};
    for (const auto& [x, bytes] : points) {
      outline.emplace_back(x, outline.back().second);
      outline.emplace_back(x, y(bytes));
    }
    outline.emplace_back(kWidth, outline.back().second);
    outline.emplace_back(kWidth, y(0));
    svg_.path(outline, css);
  }

  double capacity_, peak_, floor_, horizon_;
  Unit unit_;
  std::vector<double> values_;
  report::Svg svg_{kWidth, 120};
};

/// The points from where the best fits into memory: what does not fit has no measure to compare.
std::vector<place::CurvePoint> comparable(const std::vector<place::CurvePoint>& curve) {
  std::vector<place::CurvePoint> result;
  for (const auto& point : curve)
    if (point.best.overflow_bytes == curve.back().best.overflow_bytes) result.push_back(point);
  return result;
}

const char* why_no_curve(place::Ending ending) {
  switch (ending) {
    case place::Ending::optimal:
      return "the quick methods met the lower bound";
    case place::Ending::no_headroom:
      return "equal devices cannot run this graph faster";
    case place::Ending::budget:
      break;
  }
  return "nothing better than the quick methods was searched for and found";
}

std::string memory_heading(const PageInput& input, DeviceId device) {
  const cluster::Device& about = input.problem.cluster().devices[device];
  const int64_t peak = input.outcome.peak_bytes[device], usable = about.usable_bytes();
  std::string figures = fmt::format("peak {} of {}", human_bytes(peak), human_bytes(usable));
  if (usable > 0 && peak <= usable) figures += ", " + percent(static_cast<double>(peak) / static_cast<double>(usable));
  if (peak > usable) figures += ", over by " + human_bytes(peak - usable);
  return fmt::format("<h3>{}<small{}>{}</small></h3>", report::keyed(colour(device), shown(about.name)),
                     peak > usable ? " class=\"bad-text\"" : "", escape(figures));
}

}  // namespace

std::string search_curve(const PageInput& input) {
  const place::Comparison& all = input.comparison;
  if (all.methods.empty() || all.curve.empty()) return {};
  if (all.curve.size() == 1) return fmt::format("<p>No curve: {}.</p>\n", why_no_curve(all.ending));
  const std::vector<place::CurvePoint> curve = comparable(all.curve);
  const int64_t first = curve.front().best.value, last = curve.back().best.value;
  const Unit unit = measure_unit(input.problem, first);
  report::Series series{"best so far", {}, true};
  uint64_t evaluations = 0;
  double seconds = 0;
  for (const auto& method : all.methods) evaluations += method.evaluations, seconds += method.seconds;
  for (const auto& point : curve)
    series.points.emplace_back(input.timed ? point.seconds : static_cast<double>(point.evaluations),
                               static_cast<double>(point.best.value) / unit.size);
  const auto [found_at, best] = series.points.back();
  series.points.emplace_back(std::max(found_at, input.timed ? seconds : static_cast<double>(evaluations)), best);
  report::ChartOptions options{!input.timed, {}};
  const auto bound = lower_bound(input.problem);
  // A bound far below would flatten the curve; the table of methods names it anyhow.
  if (bound && last - *bound <= 2 * (first - last))
    options.levels.push_back({"lower bound, by " + bound_name(input.problem), static_cast<double>(*bound) / unit.size});
  const std::string name = measure_name(input.problem) + (*unit.name ? fmt::format(", {}", unit.name) : "");
  return report::line_chart({series}, input.timed ? "seconds" : "evaluations", name, options) +
         fmt::format("<p class=\"quiet\">From {}, {}, to {}: {:.1f} % less in {} evaluations.</p>\n",
                     measure_text(input.problem, first),
                     curve.size() == all.curve.size() ? "the best of the quick methods" : "the first that fits",
                     measure_text(input.problem, last), 100 * (1 - ratio(last, first)), evaluations);
}

std::string schedule_chart(const PageInput& input) {
  size_t left_out = 0;
  const Unit unit = time_unit(input.outcome.makespan_ps);
  const Critical critical(input);
  std::vector<report::Lane> lanes;
  for (const Track& track : drawn_tracks(input, left_out)) lanes.push_back(lane_of(input, track, critical, unit.size));
  const graph::OpGraph& graph = input.problem.graph();
  const auto tooltip = [&](const report::Lane& lane, const report::Span& span) {
    if (!lane.thin)
      return fmt::format("{} ({}): {}, starts at {}", shown(graph.op_names[span.id]),
                         shown(graph.type_names[graph.type[span.id]]),
                         human_ps(input.outcome.end_ps[span.id] - input.outcome.start_ps[span.id]),
                         human_ps(input.outcome.start_ps[span.id]));
    const sim::Transfer& transfer = input.outcome.transfers[span.id];
    return fmt::format("{}: {} in {}, starts at {}", shown(graph.tensor_names[transfer.tensor]),
                       human_bytes(input.problem.costs().tensor_bytes[transfer.tensor]),
                       human_ps(transfer.end_ps - transfer.start_ps), human_ps(transfer.start_ps));
  };
  std::string html =
      report::timeline(lanes, static_cast<double>(input.outcome.makespan_ps) / unit.size, unit.name, tooltip);
  if (!input.outcome.critical.empty()) html += "<p class=\"quiet\">Underlined: the critical chain.</p>\n";
  if (left_out > 0) html += fmt::format("<p class=\"quiet\">{} less busy links are not drawn.</p>\n", left_out);
  return html;
}

std::string memory_charts(const PageInput& input) {
  const auto& curves = input.outcome.memory;
  const size_t points = std::min<size_t>(400, kMaxMemoryPoints / std::max<size_t>(1, curves.size()));
  std::string html = "<div class=\"panels\">\n";
  for (DeviceId device = 0; device < curves.size(); ++device) {
    if (input.outcome.peak_bytes[device] == 0) continue;
    const std::string label =
        fmt::format("Memory of {} over time", shown(input.problem.cluster().devices[device].name));
    html += fmt::format("<figure>{}\n{}</figure>\n", memory_heading(input, device),
                        MemoryPanel(input, device).draw(curves[device], points, colour(device), label));
  }
  return html +
         "</div>\n<p class=\"quiet\">Solid: parameters and what else stays. Pale: tensors and workspace. Dashed: "
         "capacity, where it is not far above.</p>\n";
}

std::string traffic_chart(const PageInput& input) {
  std::map<std::pair<DeviceId, DeviceId>, double> bytes;
  for (const sim::Transfer& transfer : input.outcome.transfers)
    bytes[{transfer.from, transfer.to}] += static_cast<double>(input.problem.costs().tensor_bytes[transfer.tensor]);
  std::vector<report::Flow> flows;
  for (const auto& [ends, amount] : bytes)
    if (amount > 0) flows.push_back({ends.first, ends.second, amount});
  if (flows.empty()) return {};
  std::vector<report::FlowNode> nodes;
  for (DeviceId device = 0; device < input.problem.devices(); ++device)
    nodes.push_back({shown(input.problem.cluster().devices[device].name), colour(device)});
  return report::flow_diagram(nodes, std::move(flows), config::human_bytes);
}

}  // namespace allot::emit
