// SPDX-License-Identifier: Apache-2.0
#include "data/warp.h"

#include <catch2/catch.hpp>

#include "data/inflate.h"

using namespace allot;
using data::Affine;

namespace {

template <typename T>
data::Planes<T> row_of(std::vector<T> values) {
  data::Planes<T> image(1, 1, std::ssize(values));
  std::copy(values.begin(), values.end(), image.values().begin());
  return image;
}

template <typename T>
std::vector<T> values(const data::Planes<T>& image) {
  return {image.values().begin(), image.values().end()};
}

}  // namespace

TEST_CASE("warp: the nearest pixel is the nearest, and what is outside is filled") {
  for (const auto& [x0, expected] :
       {std::pair{0.4, std::vector<uint8_t>{1, 2, 3}}, {0.6, {2, 3, 9}}, {-0.6, {9, 1, 2}}, {5.0, {9, 9, 9}}}) {
    auto image = row_of<uint8_t>({1, 2, 3});
    data::warp_nearest(image, {.x0 = x0}, 9);
    CHECK(values(image) == expected);
  }
}

TEST_CASE("warp: between pixels values are mixed, and 0 comes in") {
  auto image = row_of<float>({1, 2, 4});
  data::warp_bilinear(image, {.x0 = 0.5});
  CHECK(values(image) == std::vector<float>{1.5f, 3, 2});
  auto left = row_of<float>({1, 2, 4});
  data::warp_bilinear(left, {.x0 = -0.25});
  CHECK(values(left) == std::vector<float>{0.75f, 1.75f, 3.5f});
}

TEST_CASE("warp: a quarter turn, twice the size, a move") {
  data::Planes<float> image(1, 3, 3);
  for (size_t i = 0; i < 9; ++i) image.values()[i] = static_cast<float>(i);
  auto turned = image;
  data::warp_bilinear(turned, Affine::about_centre(3, 3, 90, 1, 0, 0));
  const std::vector<float> counter_clockwise{2, 5, 8, 1, 4, 7, 0, 3, 6}, clockwise{6, 3, 0, 7, 4, 1, 8, 5, 2};
  const auto got = values(turned);
  bool is_turned = false;
  for (const auto& expected : {counter_clockwise, clockwise}) {
    bool same = true;
    for (size_t i = 0; i < 9; ++i) same = same && got[i] == Approx(expected[i]).margin(1e-5);
    is_turned = is_turned || same;
  }
  CHECK(is_turned);
  auto larger = image;
  data::warp_bilinear(larger, Affine::about_centre(3, 3, 0, 2, 0, 0));
  CHECK(larger.at(0, 1, 1) == Approx(4));
  CHECK(larger.at(0, 1, 2) == Approx(4.5));
  auto moved = image;
  data::warp_bilinear(moved, Affine::about_centre(3, 3, 0, 1, 1, 0));
  CHECK(moved.at(0, 1, 2) == Approx(4));
  CHECK(moved.at(0, 1, 0) == 0);
}

TEST_CASE("inflate: sizes that no stream of this length reaches allocate nothing") {
  std::string out;
  const std::string empty("\3\0", 2);
  CHECK(data::inflate_raw(empty, 0, out));
  CHECK_FALSE(data::inflate_raw(empty, uint64_t{1} << 50, out));
  CHECK(out.capacity() < 100);
  CHECK_FALSE(data::inflate_raw(empty, 1, out));
  CHECK_FALSE(data::inflate_raw("\7", 0, out));
}
