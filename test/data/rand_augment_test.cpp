// SPDX-License-Identifier: Apache-2.0
#include "data/rand_augment.h"

#include <algorithm>
#include <cmath>
#include <fstream>
#include <map>
#include <string>

#include <catch2/catch.hpp>

using namespace allot;
using data::Pixels;

namespace {

Pixels image_of(int64_t channels, int64_t height, int64_t width, const std::vector<int>& values) {
  Pixels image(channels, height, width);
  for (size_t i = 0; i < image.values().size(); ++i)
    image.values()[i] = static_cast<uint8_t>(values[i % values.size()]);
  return image;
}

std::vector<int> values(const Pixels& image) { return {image.values().begin(), image.values().end()}; }

std::vector<int> apply(const std::string& name, Pixels image, double level, uint64_t seed = 1) {
  base::Rng rng(seed);
  for (const auto& operation : data::kImageOperations)
    if (name == operation.name) operation.apply(image, level, rng);
  return values(image);
}

}  // namespace

TEST_CASE("randaugment: operations on single pixels") {
  const auto image = image_of(1, 1, 4, {0, 100, 160, 255});
  CHECK(apply("Invert", image, 5) == std::vector<int>{255, 155, 95, 0});
  CHECK(apply("AutoContrast", image_of(1, 1, 3, {50, 100, 150}), 5) == std::vector<int>{0, 127, 255});
  CHECK(apply("AutoContrast", image_of(1, 1, 3, {50, 50, 50}), 5) == std::vector<int>{50, 50, 50});
  CHECK(apply("Posterize", image, 5) == std::vector<int>{0, 64, 128, 192});     // 2 bits
  CHECK(apply("Posterize", image, 16) == std::vector<int>{0, 100, 160, 252});   // 6 bits
  CHECK(apply("Solarize", image, 5) == std::vector<int>{0, 100, 95, 0});        // from 128
  CHECK(apply("Solarize", image, 16) == std::vector<int>{0, 100, 95, 0});       // from 409 - 256
  CHECK(apply("Brightness", image, 5) == std::vector<int>{0, 100, 160, 255});   // factor 1
  CHECK(apply("Brightness", image, 10) == std::vector<int>{0, 190, 255, 255});  // factor 1.9
  CHECK(apply("Contrast", image, 0) == std::vector<int>{116, 126, 132, 142});   // a tenth about 129
  CHECK(apply("Color", image, 0) == values(image));                             // grey is grey
  CHECK(apply("Color", image_of(3, 1, 1, {255, 0, 0}), 0) == std::vector<int>{94, 68, 68});
  CHECK(apply("Sharpness", image, 10) == values(image));                                    // all border
  CHECK(apply("Sharpness", image_of(1, 3, 3, {0, 0, 0, 0, 130, 0, 0, 0, 0}), 0)[4] == 58);  // 50 + 0.1 * 80
}

TEST_CASE("randaugment: pixels are Pillow's, but for its rounding down") {
  std::ifstream file(ALLOT_SOURCE_DIR "/test/data/pillow_operations.txt");
  std::map<std::string, Pixels> expected;
  for (std::string name, hex; file >> name >> hex;) {
    Pixels image(3, 20, 20);
    REQUIRE(hex.size() == 2 * image.values().size());
    for (size_t i = 0; i < image.values().size(); ++i)
      image.values()[i] = static_cast<uint8_t>(std::stoi(hex.substr(2 * i, 2), nullptr, 16));
    expected.emplace(name, image);
  }
  REQUIRE(expected.size() == 10);
  for (const auto& [name, image] : expected) {
    if (name == "image") continue;
    const auto ours = apply(name, expected.at("image"), 16);
    const bool is_exact = name == "Equalize" || name == "Invert" || name == "Posterize" || name == "Solarize";
    int worst = 0;
    for (size_t i = 0; i < ours.size(); ++i) worst = std::max(worst, std::abs(ours[i] - image.values()[i]));
    INFO(name);
    CHECK(worst <= (is_exact ? 0 : name == "Sharpness" ? 2 : 1));
  }
}

TEST_CASE("randaugment: equalize spreads levels evenly") {
  std::vector<int> ramp(64 * 64);
  for (size_t i = 0; i < ramp.size(); ++i) ramp[i] = static_cast<int>(i / 32);  // levels 0 to 127, 32 of each
  const auto equal = apply("Equalize", image_of(1, 64, 64, ramp), 5);
  for (int level = 0; level < 128; ++level)
    CHECK(equal[static_cast<size_t>(level) * 32] == std::min(255, (7 + 32 * level) / 15));
  CHECK(apply("Equalize", image_of(1, 4, 4, {7, 9}), 5)[0] == 7);  // too few pixels to spread
}

TEST_CASE("randaugment: operations that move pixels") {
  std::vector<int> ramp(16 * 16);
  for (size_t i = 0; i < ramp.size(); ++i) ramp[i] = static_cast<int>(i % 16);
  const auto image = image_of(1, 16, 16, ramp);
  const auto moved = apply("TranslateX", image, 10);  // by 2 pixels of 16, filled with grey
  const bool is_left = moved[0] == 2;
  for (int x = 0; x < 16; ++x) {
    const int source = is_left ? x + 2 : x - 2;
    CHECK(moved[static_cast<size_t>(x)] == (source < 0 || source > 15 ? 128 : source));
  }
  const auto down = apply("TranslateY", image, 10);
  CHECK(std::count(down.begin(), down.end(), 128) == 32);
  const auto sheared = apply("ShearX", image, 10);
  CHECK(std::equal(sheared.begin(), sheared.begin() + 16, ramp.begin()));  // the first row stays
  CHECK(std::abs(sheared[10 * 16 + 8] - 8) == 3);
  const auto turned = apply("Rotate", image, 0);
  CHECK(turned == values(image));
  // 30 degrees one way or the other: the middle row's slope along y is tan.
  const auto tilted = apply("Rotate", image, 10);
  CHECK(std::abs(std::abs(tilted[11 * 16 + 8] - tilted[5 * 16 + 8]) - 3) <= 1);
}

TEST_CASE("randaugment: cutout's square and its place") {
  double hits = 0;
  for (uint64_t seed = 0; seed < 2000; ++seed) {
    Pixels image(2, 16, 16);
    base::Rng rng(seed);
    data::cut_out(image, 4, rng);
    const auto cut = values(image);
    const auto count = std::count(cut.begin(), cut.end(), 128);
    REQUIRE(count % 2 == 0);
    REQUIRE(count >= 2 * 4 * 4);
    REQUIRE(count <= 2 * 8 * 8);
    hits += cut[8 * 16 + 8] == 128;
  }
  CHECK(hits / 2000 == Approx(0.25).epsilon(0.15));  // 8 * 8 centres of 16 * 16
}

TEST_CASE("randaugment: any operation leaves images of any size intact") {
  for (const auto& operation : data::kImageOperations)
    for (const auto& [channels, height, width] : {std::tuple{1, 1, 1}, {3, 1, 7}, {4, 9, 2}, {3, 32, 32}})
      for (const double level : {0.0, 5.0, 10.0, 17.0, 30.0}) {
        Pixels image = image_of(channels, height, width, {3, 77, 200, 131});
        base::Rng rng(3);
        operation.apply(image, level, rng);
        CHECK(image.values().size() == static_cast<size_t>(channels * height * width));
      }
}

TEST_CASE("randaugment: each operation is applied as often as its probability says") {
  // With one operation drawn, an image stays as it is if the operation is not applied, or changes nothing here.
  std::vector<int> pattern(3 * 64 * 64);
  base::Rng pixels(9);
  for (int& value : pattern) value = 40 + static_cast<int>(pixels.below(120));
  const auto image = image_of(3, 64, 64, pattern);
  constexpr int kDraws = 3000;
  int unchanged = 0, changing = 0;
  for (const auto& operation : data::kImageOperations) {
    Pixels copy = image;
    base::Rng rng(1);
    operation.apply(copy, 16, rng);
    changing += values(copy) != values(image);
  }
  for (int i = 0; i < kDraws; ++i) {
    Pixels copy = image;
    base::Rng rng(static_cast<uint64_t>(i));
    data::rand_augment(copy, 1, 16, rng);
    unchanged += values(copy) == values(image);
  }
  CHECK(changing == 15);
  CHECK(static_cast<double>(unchanged) / kDraws == Approx(0.5).margin(0.04));
}
