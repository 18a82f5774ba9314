// SPDX-License-Identifier: Apache-2.0
#include "data/image_view.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>

#include <catch2/catch.hpp>

#include "data/data_files.h"

using namespace allot;
using data::Draw;
using data::ImageAugmentation;
using data::ImageOptions;

namespace {

std::vector<float> fill(const data::View& view, const std::vector<int64_t>& items, const Draw& draw = {},
                        base::ThreadPool* pool = nullptr) {
  std::vector<float> out(items.size() * view.item_bytes() / sizeof(float));
  view.fill(items, draw, std::as_writable_bytes(std::span(out)), pool);
  return out;
}

// One image whose pixels all differ: pixel (c, y, x) is 1 + its index.
data::Array counting(int64_t channels, int64_t height, int64_t width) {
  std::vector<uint8_t> pixels(static_cast<size_t>(channels * height * width));
  std::iota(pixels.begin(), pixels.end(), uint8_t{1});
  return data::make_array("x", {1, channels, height, width}, std::move(pixels));
}

ImageOptions raw(ImageAugmentation augmentation) {
  ImageOptions options;
  options.augmentation = augmentation;
  options.scaling.factor = 1;
  return options;
}

}  // namespace

TEST_CASE("image view: layouts, scaling by channel, flat rows") {
  const auto hwc = data::make_array<uint8_t>("x", {1, 5, 1, 2}, {0, 10, 1, 11, 2, 12, 3, 13, 4, 14});
  const auto options = raw(ImageAugmentation::none);
  const auto view = data::image_view(hwc, options);
  CHECK(view->shape() == std::vector<int64_t>{2, 5, 1});
  CHECK(fill(*view, {0}) == std::vector<float>{0, 1, 2, 3, 4, 10, 11, 12, 13, 14});
  auto last = options;
  last.channels_last = true;
  CHECK(fill(*data::image_view(hwc, last), {0}) == std::vector<float>{0, 10, 1, 11, 2, 12, 3, 13, 4, 14});
  auto scaled = options;
  scaled.scaling = {0.5f, {1, 2}, {2, 4}};
  CHECK(fill(*data::image_view(hwc, scaled), {0})[2] == 0);                // (2 * 0.5 - 1) / 2
  CHECK(fill(*data::image_view(hwc, scaled), {0})[9] == Approx(5.0 / 4));  // (14 * 0.5 - 2) / 4

  const auto flat = data::make_array<float>("x", {1, 4}, {0, 4, 8, 16});
  CHECK(test::error_of([&] { data::image_view(flat, options); }).find("items of 4 are no images") != std::string::npos);
  auto shaped = options;
  shaped.geometry = {1, 2, 2};
  shaped.scaling.factor = 1.0f / 16;
  CHECK(fill(*data::image_view(flat, shaped), {0}) == std::vector<float>{0, 0.25f, 0.5f, 1});
  shaped.geometry = {1, 2, 3};
  CHECK(test::error_of([&] { data::image_view(flat, shaped); }).starts_with("65 "));

  const auto pair = data::make_array<uint8_t>("x", {2, 2, 1, 2}, {0, 0, 7, 7, 4, 4, 7, 7});
  const std::vector<int64_t> both{0, 1};
  const auto statistics = data::standardise(pair, data::geometry_of(pair), both, 1);
  CHECK(statistics.mean == std::vector<float>{2, 7});
  CHECK(statistics.deviation[0] == Approx(2));
  CHECK(statistics.deviation[1] == 1);
}

TEST_CASE("image view: the weak view is one of the crops, mirrored or not, all equally likely") {
  const auto array = counting(1, 8, 8);
  const auto view = data::image_view(array, raw(ImageAugmentation::weak));
  const std::vector<int64_t> items(9000, 0);
  const auto out = fill(*view, items, {1, 2, 3});
  std::map<std::tuple<int, int, bool>, int> counts;
  for (size_t row = 0; row < items.size(); ++row) {
    const float* image = out.data() + row * 64;
    bool found = false;
    for (int dx = -1; dx <= 1; ++dx)
      for (int dy = -1; dy <= 1; ++dy)
        for (const bool flip : {false, true}) {
          bool same = true;
          for (int y = 0; y < 8 && same; ++y)
            for (int x = 0; x < 8 && same; ++x) {
              const int sx = (flip ? 7 - x : x) - dx, sy = y - dy;
              const bool inside = sx >= 0 && sx < 8 && sy >= 0 && sy < 8;
              same = image[y * 8 + x] == (inside ? static_cast<float>(1 + sy * 8 + sx) : 0.0f);
            }
          if (same) ++counts[{dx, dy, flip}], found = true;
        }
    REQUIRE(found);
  }
  CHECK(counts.size() == 18);
  double chi_square = 0;
  for (const auto& [key, count] : counts) chi_square += std::pow(count - 500, 2) / 500.0;
  CHECK(chi_square < 47.6);  // 99.99 % at 17 degrees of freedom

  auto still = raw(ImageAugmentation::weak);
  still.flip = false;
  still.pad = 0;
  CHECK(fill(*data::image_view(array, still), {0}) ==
        fill(*data::image_view(array, raw(ImageAugmentation::none)), {0}));
}

TEST_CASE("image view: every view is the same at any number of threads, on any rank and for the same numbers only") {
  std::vector<uint8_t> pixels(40 * 3 * 16 * 16);
  base::Rng rng(1);
  for (uint8_t& pixel : pixels) pixel = static_cast<uint8_t>(rng.below(256));
  const auto array = data::make_array("x", {40, 3, 16, 16}, std::move(pixels));
  std::vector<int64_t> items(80);
  for (size_t i = 0; i < 80; ++i) items[i] = static_cast<int64_t>(i % 40);
  for (const auto augmentation : {ImageAugmentation::weak, ImageAugmentation::strong, ImageAugmentation::digits_weak,
                                  ImageAugmentation::digits_strong}) {
    const auto view = data::image_view(array, {.augmentation = augmentation});
    const auto once = fill(*view, items, {1, 2, 3});
    for (const unsigned threads : {2u, 5u}) {
      base::ThreadPool pool(threads);
      CHECK(fill(*view, items, {1, 2, 3}, &pool) == once);
    }
    const size_t half = once.size() / 2;
    const auto second = fill(*view, {items.begin() + 40, items.end()}, {1, 2, 3, 40});
    CHECK(std::equal(second.begin(), second.end(), once.begin() + half));
    CHECK_FALSE(std::equal(second.begin(), second.end(), once.begin()));  // the same items, drawn a second time
    CHECK(fill(*view, items, {1, 2, 4}) != once);
    CHECK(fill(*view, items, {2, 2, 3}) != once);
    CHECK(fill(*view, items, {1, 1, 3}) != once);
  }
}

TEST_CASE("image view: strong without operations, cutout and a second crop is the weak view") {
  const auto array = counting(3, 8, 8);
  auto strong = raw(ImageAugmentation::strong);
  strong.operations = 0;
  strong.cutout = false;
  const std::vector<int64_t> items(200, 0);
  auto weak = raw(ImageAugmentation::weak);
  // Moved once more, so equal only where the second move is none; a ninth of the crops, half of them not mirrored.
  const auto a = fill(*data::image_view(array, strong), items, {5, 6, 7}),
             b = fill(*data::image_view(array, weak), items, {5, 6, 7});
  int equal = 0;
  for (size_t i = 0; i < items.size(); ++i)
    equal += std::equal(a.begin() + i * 192, a.begin() + (i + 1) * 192, b.begin() + i * 192);
  CHECK(equal >= 2);
  CHECK(equal <= 28);
}

TEST_CASE("image view: strong views of reals are those of the levels that they stand for") {
  std::vector<uint8_t> levels(3 * 12 * 12);
  std::vector<float> reals(levels.size());
  base::Rng rng(4);
  for (size_t i = 0; i < levels.size(); ++i)
    levels[i] = static_cast<uint8_t>(rng.below(256)), reals[i] = levels[i] / 255.0f;
  const auto bytes = data::make_array("x", {1, 3, 12, 12}, std::move(levels));
  const auto floats = data::make_array("x", {1, 3, 12, 12}, std::move(reals));
  ImageOptions of_bytes{.augmentation = ImageAugmentation::strong}, of_floats = of_bytes;
  of_floats.scaling.factor = 1;
  const std::vector<int64_t> items(50, 0);
  CHECK(fill(*data::image_view(floats, of_floats), items, {1, 2, 3}) ==
        fill(*data::image_view(bytes, of_bytes), items, {1, 2, 3}));
}

TEST_CASE("image view: digits move by at most a pixel, stay upright and get noise of deviation 0.1") {
  // A dark image with one bright pixel in the middle.
  std::vector<float> pixels(64);
  pixels[3 * 8 + 3] = 16;
  const auto array = data::make_array("x", {1, 64}, std::move(pixels));
  ImageOptions options{
      .augmentation = ImageAugmentation::digits_weak, .geometry = {1, 8, 8}, .scaling = {1.0f / 16, {}, {}}};
  const std::vector<int64_t> items(8000, 0);
  const auto weak = fill(*data::image_view(array, options), items, {1, 0, 0});
  std::map<size_t, int> places;
  for (size_t row = 0; row < items.size(); ++row)
    ++places[std::max_element(weak.begin() + row * 64, weak.begin() + (row + 1) * 64) - (weak.begin() + row * 64)];
  CHECK(places.size() == 9);
  CHECK(places[27] == Approx(8000 * (0.5 + 0.5 / 9)).margin(220));
  CHECK(places[18] == Approx(8000 * 0.5 / 9).margin(100));

  options.augmentation = ImageAugmentation::digits_strong;
  const auto strong = fill(*data::image_view(array, options), items, {1, 0, 0});
  double x = 0, y = 0, mass = 0, corner = 0, corners = 0, erased = 0;
  for (size_t row = 0; row < items.size(); ++row) {
    for (int i = 0; i < 64; ++i) {
      const double value = strong[row * 64 + static_cast<size_t>(i)];
      mass += value, x += value * (i % 8), y += value * (i / 8);
      if (i == 0) corner += value * value, corners += value != 0, erased += value == 0;
    }
  }
  CHECK(x / mass == Approx(3).margin(0.15));  // the shift has mean 0 and noise none
  CHECK(y / mass == Approx(3).margin(0.15));
  CHECK(std::sqrt(corner / corners) == Approx(0.1).epsilon(0.04));
  CHECK(erased / 8000 == Approx(1.0 / 49).epsilon(0.3));  // the cutout's 49 places
}
