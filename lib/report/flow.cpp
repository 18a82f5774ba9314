// SPDX-License-Identifier: Apache-2.0
#include "report/flow.h"

#include <algorithm>

#include <fmt/format.h>

#include "report/html.h"
#include "report/svg.h"

namespace allot::report {
namespace {

constexpr size_t kMaxFlows = 100;
constexpr double kWidth = 1000, kNodeWidth = 6, kLabelHeight = 40, kRibbons = 160, kThinnest = 1.5;

/// One side of the diagram: a node's band, and how much of it is taken by ribbons already drawn.
struct Band {
  double amount = 0, top = 0, height = 0, taken = 0;
};

/// Stacks the bands that carry anything, in order of node; returns the height they need.
double stack(std::vector<Band>& bands, double pixels_per_amount) {
  double top = 0;
  for (Band& band : bands) {
    if (band.amount <= 0) continue;
    band.top = top;
    band.height = std::max(band.amount * pixels_per_amount, kThinnest);
    top += std::max(band.height + 12, kLabelHeight);
  }
  return top;
}

/// Upper edge from left to right, then the lower one back: an S with level ends and equal thickness throughout.
std::vector<std::pair<double, double>> ribbon(double y0, double y1, double thickness) {
  constexpr int kSteps = 24;
  std::vector<std::pair<double, double>> points;
  const auto at = [&](int i, double offset) {
    const double t = static_cast<double>(i) / kSteps;
    points.emplace_back(kNodeWidth + t * (kWidth - 2 * kNodeWidth), y0 + (y1 - y0) * t * t * (3 - 2 * t) + offset);
  };
  for (int i = 0; i <= kSteps; ++i) at(i, 0);
  for (int i = kSteps; i >= 0; --i) at(i, thickness);
  return points;
}

std::string labels(const std::vector<FlowNode>& nodes, const std::vector<Band>& bands, std::string_view side,
                   const std::function<std::string(double)>& format) {
  std::string result = fmt::format("<ul class=\"{}\">", side);
  for (size_t i = 0; i < nodes.size(); ++i)
    if (bands[i].amount > 0)
      result += fmt::format("<li style=\"top:{0}px\" title=\"{1}\"><span>{1}</span><small>{2}</small></li>",
                            short_number(bands[i].top), escape(nodes[i].name), escape(format(bands[i].amount)));
  return result + "</ul>\n";
}

}  // namespace

std::string flow_diagram(const std::vector<FlowNode>& nodes, std::vector<Flow> flows,
                         const std::function<std::string(double)>& format) {
  std::stable_sort(flows.begin(), flows.end(), [](auto& a, auto& b) { return a.amount > b.amount; });
  if (flows.size() > kMaxFlows) flows.resize(kMaxFlows);
  std::stable_sort(flows.begin(), flows.end(),
                   [](auto& a, auto& b) { return a.from != b.from ? a.from < b.from : a.to < b.to; });
  std::vector<Band> out(nodes.size()), in(nodes.size());
  double total = 0;
  for (const Flow& flow : flows) {
    total += flow.amount;
    out[flow.from].amount += flow.amount;
    in[flow.to].amount += flow.amount;
  }
  const double scale = total > 0 ? kRibbons / total : 0;
  const double height = std::max(stack(out, scale), stack(in, scale));
  Svg svg(kWidth, height);
  for (const Flow& flow : flows) {
    Band &from = out[flow.from], &to = in[flow.to];
    const double thickness = std::max(flow.amount * scale, kThinnest);
    svg.path(ribbon(from.top + from.taken, to.top + to.taken, thickness),
             fmt::format("area ribbon {}", nodes[flow.from].css_class),
             fmt::format("{} → {}: {}", nodes[flow.from].name, nodes[flow.to].name, format(flow.amount)));
    from.taken += thickness;
    to.taken += thickness;
  }
  for (size_t i = 0; i < nodes.size(); ++i) {
    if (out[i].amount > 0)
      svg.rect(0, out[i].top, kNodeWidth, std::max(out[i].height, out[i].taken), nodes[i].css_class);
    if (in[i].amount > 0)
      svg.rect(kWidth - kNodeWidth, in[i].top, kNodeWidth, std::max(in[i].height, in[i].taken), nodes[i].css_class);
  }
  return fmt::format("<div class=\"flow\" style=\"height:{}px\">\n{}{}{}</div>\n", short_number(height),
                     labels(nodes, out, "from", format), svg.str("Traffic between devices"),
                     labels(nodes, in, "to", format));
}

}  // namespace allot::report
