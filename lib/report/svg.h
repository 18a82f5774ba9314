// SPDX-License-Identifier: Apache-2.0
// SVG primitives: a canvas in user units and the charts that several tools draw.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace allot::report {

/// Draws into a viewBox of width x height; the image scales to the page. Colours are CSS classes c0..c7 of the
/// page's palette, which is distinguishable in light and dark and without colour vision problems.
class Svg {
 public:
  Svg(double width, double height);
  void rect(double x, double y, double w, double h, std::string_view css_class, std::string_view tooltip = {});
  void line(double x1, double y1, double x2, double y2, std::string_view css_class);
  void path(const std::vector<std::pair<double, double>>& points, std::string_view css_class);
  void text(double x, double y, std::string_view content, std::string_view anchor = "start", std::string_view css_class = {});
  std::string str(std::string_view label) const;   // `label` describes the picture to a screen reader

 private:
  double width_, height_;
  std::string body_;
};

struct Series {
  std::string name;
  std::vector<std::pair<double, double>> points;
  bool step = false;
};
/// Line chart with axes, tick labels in the given unit text and a legend; thinned to at most 2,000 points a series.
std::string line_chart(const std::vector<Series>& series, std::string_view x_label, std::string_view y_label);

/// About `count` round tick values covering [low, high].
std::vector<double> ticks(double low, double high, int count);

}  // namespace allot::report
