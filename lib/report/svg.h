// SPDX-License-Identifier: Apache-2.0
// An SVG canvas that is as wide as the page lets it be, with text that keeps its size.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace allot::report {

/// x runs over 0..width in user units and is stretched over the space that the page offers; y and the height are CSS
/// pixels, and so are text and lines: a chart stays legible from 400 to 2,000 px. Colours are CSS classes of
/// the palette (palette.h).
class Svg {
 public:
  Svg(double width, double height) : width_(width), height_(height) {}
  void rect(double x, double y, double w, double h, std::string_view css_class, std::string_view tooltip = {});
  void line(double x1, double y1, double x2, double y2, std::string_view css_class);
  /// A disc around a point, round at any width of the page; of looks beyond the sixteenth a ring.
  void dot(double x, double y, std::string_view css_class, std::string_view tooltip = {});
  /// A polyline; css_class "area" fills the shape that it encloses instead.
  void path(const std::vector<std::pair<double, double>>& points, std::string_view css_class,
            std::string_view tooltip = {});
  /// Many bars [first, second) of one row in one path: a few bytes each, without tooltips.
  void spans(const std::vector<std::pair<double, double>>& from_to, double y, double h, std::string_view css_class);
  void text(double x, double y, std::string_view content, std::string_view anchor = "start",
            std::string_view css_class = {});
  void begin_group(std::string_view css_class);
  void end_group();
  /// A part of its own that can be moved and stretched as a whole: what leaves the canvas is cut off.
  void begin_view(std::string_view css_class);
  void end_view();
  std::string str(std::string_view label) const;  // `label` describes the picture to a screen reader

 private:
  std::string percent(double x) const;
  void stretched(std::string_view path_data, std::string_view attributes, std::string_view tooltip);

  double width_, height_;
  std::string body_;
};

/// At most `decimals` digits after the point and no trailing zeros: 12.50 -> "12.5", -0.001 -> "0".
std::string short_number(double value, int decimals = 2);

}  // namespace allot::report
