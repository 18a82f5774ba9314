// SPDX-License-Identifier: Apache-2.0
#include "report/svg.h"

#include <fmt/format.h>

#include "report/html.h"

namespace allot::report {
namespace {

std::string title(std::string_view tooltip) {
  return tooltip.empty() ? std::string() : fmt::format("<title>{}</title>", escape(tooltip));
}

}  // namespace

std::string short_number(double value, int decimals) {
  std::string text = fmt::format("{:.{}f}", value, decimals);
  if (text.find('.') != text.npos) {
    text.erase(text.find_last_not_of('0') + 1);
    if (text.back() == '.') text.pop_back();
  }
  return text == "-0" ? "0" : text;
}

std::string Svg::percent(double x) const { return short_number(x / width_ * 100, 3) + "%"; }

void Svg::rect(double x, double y, double w, double h, std::string_view css_class, std::string_view tooltip) {
  body_ += fmt::format("<rect x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\" class=\"{}\"", percent(x), short_number(y),
                       percent(w), short_number(h), css_class);
  body_ += tooltip.empty() ? "/>\n" : fmt::format(">{}</rect>\n", title(tooltip));
}

void Svg::line(double x1, double y1, double x2, double y2, std::string_view css_class) {
  body_ += fmt::format("<line x1=\"{}\" y1=\"{}\" x2=\"{}\" y2=\"{}\" class=\"{}\"/>\n", percent(x1), short_number(y1),
                       percent(x2), short_number(y2), css_class);
}

void Svg::dot(double x, double y, std::string_view css_class, std::string_view tooltip) {
  body_ += fmt::format("<circle cx=\"{}\" cy=\"{}\" r=\"4\" class=\"dot {}\">{}</circle>\n", percent(x),
                       short_number(y), css_class, title(tooltip));
}

// Paths have no percentages: each gets a viewport of its own whose x axis alone is stretched.
void Svg::stretched(std::string_view path_data, std::string_view attributes, std::string_view tooltip) {
  body_ += fmt::format(
      "<svg viewBox=\"0 0 {0} {1}\" preserveAspectRatio=\"none\" width=\"100%\" height=\"{1}\">"
      "<path {2} vector-effect=\"non-scaling-stroke\" d=\"{3}\">{4}</path></svg>\n",
      short_number(width_), short_number(height_), attributes, path_data, title(tooltip));
}

void Svg::path(const std::vector<std::pair<double, double>>& points, std::string_view css_class,
               std::string_view tooltip) {
  std::string data;
  for (const auto& [x, y] : points)
    data += fmt::format("{}{} {}", data.empty() ? "M" : "L", short_number(x), short_number(y));
  stretched(data, fmt::format("class=\"{}\"", css_class), tooltip);
}

// A stroke of the row's height: "M12 40h3" is shorter than any way to write the same bar as a shape.
void Svg::spans(const std::vector<std::pair<double, double>>& from_to, double y, double h, std::string_view css_class) {
  std::string data;
  const std::string middle = short_number(y + h / 2);
  for (const auto& [from, to] : from_to)
    data += fmt::format("M{} {}h{}", short_number(from), middle, short_number(to - from));
  stretched(data, fmt::format("class=\"spans {}\" stroke-width=\"{}\"", css_class, short_number(h)), {});
}

void Svg::text(double x, double y, std::string_view content, std::string_view anchor, std::string_view css_class) {
  body_ += fmt::format("<text x=\"{}\" y=\"{}\" text-anchor=\"{}\"", percent(x), short_number(y), anchor);
  if (!css_class.empty()) body_ += fmt::format(" class=\"{}\"", css_class);
  body_ += fmt::format(">{}</text>\n", escape(content));
}

void Svg::begin_group(std::string_view css_class) { body_ += fmt::format("<g class=\"{}\">\n", css_class); }
void Svg::end_group() { body_ += "</g>\n"; }

void Svg::begin_view(std::string_view css_class) {
  body_ += fmt::format("<svg class=\"{}\" width=\"100%\" height=\"{}\">\n", css_class, short_number(height_));
}
void Svg::end_view() { body_ += "</svg>\n"; }

std::string Svg::str(std::string_view label) const {
  return fmt::format("<svg class=\"chart\" role=\"img\" aria-label=\"{}\" width=\"100%\" height=\"{}\">\n{}</svg>\n",
                     escape(label), short_number(height_), body_);
}

}  // namespace allot::report
