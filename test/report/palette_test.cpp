// SPDX-License-Identifier: Apache-2.0
#include "report/palette.h"

#include <array>
#include <catch2/catch.hpp>
#include <cmath>
#include <set>

#include "report/style.h"

using namespace allot::report;

namespace {

using Triple = std::array<double, 3>;

/// Linear red, green and blue.
Triple linear(std::string_view hex) {
  Triple rgb;
  for (size_t i = 0; i < 3; ++i) {
    const double value = std::stoi(std::string(hex.substr(1 + 2 * i, 2)), nullptr, 16) / 255.0;
    rgb[i] = value <= 0.04045 ? value / 12.92 : std::pow((value + 0.055) / 1.055, 2.4);
  }
  return rgb;
}

double contrast(std::string_view a, std::string_view b) {
  const auto luminance = [](std::string_view hex) {
    const auto [red, green, blue] = linear(hex);
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue + 0.05;
  };
  return std::max(luminance(a), luminance(b)) / std::min(luminance(a), luminance(b));
}

/// After: Ottosson, "A perceptual color space for image processing", 2020.
Triple oklab(std::string_view hex) {
  const auto [r, g, b] = linear(hex);
  const double l = std::cbrt(0.4122214708 * r + 0.5363325363 * g + 0.0514459929 * b);
  const double m = std::cbrt(0.2119034982 * r + 0.6806995451 * g + 0.1073969566 * b);
  const double s = std::cbrt(0.0883024619 * r + 0.2817188376 * g + 0.6299787005 * b);
  return {0.2104542553 * l + 0.7936177850 * m - 0.0040720468 * s,
          1.9779984951 * l - 2.4285922050 * m + 0.4505937099 * s,
          0.0259040371 * l + 0.7827717662 * m - 0.8086757660 * s};
}

double distance(std::string_view a, std::string_view b) {
  const Triple x = oklab(a), y = oklab(b);
  return std::hypot(x[0] - y[0], x[1] - y[1], x[2] - y[2]);
}

}  // namespace

TEST_CASE("64 numbers look different, and each look has a style") {
  std::set<std::string> looks;
  for (size_t number = 0; number < kLooks; ++number) looks.insert(look(number));
  CHECK(looks.size() == 64);
  CHECK(look(0) == "c0");
  CHECK(look(17) == "c1 p1");
  CHECK(look(64) == "c0");
  const std::string css = stylesheet();
  for (size_t number = 0; number < kColours; ++number)
    for (const bool dark : {false, true})
      CHECK(css.find("." + look(number) + " { --c: " + std::string(colour(number, dark))) != css.npos);
  for (size_t pattern = 1; pattern < kPatterns; ++pattern)
    CHECK(css.find(".p" + std::to_string(pattern) + " { --pattern:") != css.npos);
}

TEST_CASE("colours stand apart from one another, from the ground and from the text upon them") {
  const std::string css = stylesheet();
  for (const bool dark : {false, true}) {
    const std::string_view ground = dark ? "#14171c" : "#ffffff";
    REQUIRE(css.find("--back: " + std::string(ground)) != css.npos);
    for (size_t a = 0; a < kColours; ++a) {
      INFO(colour(a, dark));
      CHECK(contrast(colour(a, dark), ground) >= 3);
      CHECK(std::max(contrast(colour(a, dark), "#000000"), contrast(colour(a, dark), "#ffffff")) >= 4.5);
      for (size_t b = 0; b < a; ++b) CHECK(distance(colour(a, dark), colour(b, dark)) >= 0.12);
    }
  }
}
