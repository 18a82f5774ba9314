// SPDX-License-Identifier: Apache-2.0
#include "report/palette.h"

#include <array>
#include <cmath>

#include <fmt/format.h>

namespace allot::report {
namespace {

// Searched for the largest least distance between any two (OKLab), under a contrast of at least 3 : 1 to the ground and
// away from that of text: the first eight as seen with normal, protan, deutan and tritan vision (Machado 2009
// matrices), twice as far apart as those of Okabe and Ito, whose yellow and sky blue vanish on white; the others as far
// from all with normal vision, and half as far with the others.
constexpr std::array<std::string_view, kColours> kOnLight = {
    "#3f6fc4", "#cf7417", "#2f9f90", "#4f294a", "#736215", "#4a3695", "#7a0503", "#11656c",
    "#ce62ff", "#8931ff", "#000076", "#b13b9d", "#ff4e93", "#d80a3b", "#1d00e2", "#9d89c4"};
constexpr std::array<std::string_view, kColours> kOnDark = {
    "#7aaef8", "#eb9a3c", "#61f0cf", "#a44a6d", "#e4e364", "#7565c0", "#d66251", "#2699ae",
    "#9300f5", "#766227", "#e2a7c4", "#93ba89", "#ff58ce", "#1d9300", "#ba6cff", "#146c93"};

/// Relative luminance (WCAG 2).
double luminance(std::string_view hex) {
  constexpr std::array<double, 3> kWeights = {0.2126, 0.7152, 0.0722};
  double sum = 0;
  for (size_t i = 0; i < kWeights.size(); ++i) {
    const double value = std::stoi(std::string(hex.substr(1 + 2 * i, 2)), nullptr, 16) / 255.0;
    sum += kWeights[i] * (value <= 0.04045 ? value / 12.92 : std::pow((value + 0.055) / 1.055, 2.4));
  }
  return sum;
}

/// Black or white, whichever is easier to read upon a colour.
std::string_view readable_upon(std::string_view hex) {
  const double upon = luminance(hex) + 0.05;
  return upon / 0.05 > 1.05 / upon ? "#000" : "#fff";
}

std::string classes(const std::array<std::string_view, kColours>& colours) {
  std::string css;
  for (size_t i = 0; i < kColours; ++i)
    css += fmt::format("  .c{} {{ --c: {}; --on: {} }}\n", i, colours[i], readable_upon(colours[i]));
  return css;
}

}  // namespace

std::string look(size_t number) {
  const size_t pattern = number / kColours % kPatterns;
  return fmt::format("c{}", number % kColours) + (pattern > 0 ? fmt::format(" p{}", pattern) : "");
}

std::string_view colour(size_t number, bool on_dark) { return (on_dark ? kOnDark : kOnLight)[number % kColours]; }

std::string palette_css() {
  return classes(kOnLight) + "@media (prefers-color-scheme: dark) {\n" + classes(kOnDark) + R"css(}
.p1 { --pattern: linear-gradient(transparent 35%, var(--back) 35% 65%, transparent 65%); --angle: 45deg }
.p2 { --pattern: repeating-linear-gradient(90deg, transparent 0 3px, var(--back) 3px 5px); --angle: 90deg }
.p3 { --pattern: radial-gradient(var(--back) 1.2px, transparent 1.6px) 0 0 / 5px 5px; --angle: 0deg }
)css";
}

}  // namespace allot::report
