// SPDX-License-Identifier: Apache-2.0
#include "data/view.h"

#include <cmath>
#include <cstring>
#include <numeric>

#include <catch2/catch.hpp>

using namespace allot;
using data::Draw;

namespace {

template <typename T>
std::vector<T> fill(const data::View& view, std::vector<int64_t> items, const Draw& draw = {},
                    base::ThreadPool* pool = nullptr) {
  std::vector<T> out(items.size() * view.item_bytes() / sizeof(T));
  view.fill(items, draw, std::as_writable_bytes(std::span(out)), pool);
  return out;
}

}  // namespace

TEST_CASE("views: plain items, scaled and as integers") {
  const auto bytes = data::make_array<uint8_t>("x", {2, 2}, {0, 51, 102, 255});
  CHECK(fill<int64_t>(*data::plain_view(bytes), {1, 0}) == std::vector<int64_t>{102, 255, 0, 51});
  const data::Scaling scaling{1.0f / 255, {0.0f, 0.2f}, {1.0f, 0.5f}};
  const auto scaled = fill<float>(*data::plain_view(bytes, &scaling), {0, 1, 1});
  CHECK(scaled[1] == Approx(0).margin(1e-6));
  CHECK(scaled[2] == Approx(0.4));
  CHECK(scaled[5] == Approx(1.6));
  const auto ids = data::make_array<int64_t>("ids", {1, 3}, {7, 8, 9});
  CHECK(data::plain_view(ids)->dtype() == data::DType::int64);
  CHECK(fill<int64_t>(*data::plain_view(ids), {0}) == std::vector<int64_t>{7, 8, 9});
}

TEST_CASE("views: standardised columns have mean 0 and deviation 1; constant ones stay finite") {
  const auto x = data::make_array<float>("x", {4, 2}, {1, 5, 2, 5, 3, 5, 100, 7});
  const std::vector<int64_t> train{0, 1, 2};
  const auto scaling = data::standardise(x, train);
  CHECK(scaling.mean == std::vector<float>{2, 5});
  CHECK(scaling.deviation[0] == Approx(std::sqrt(2.0 / 3)));
  CHECK(scaling.deviation[1] == 1);
  const auto values = fill<float>(*data::plain_view(x, &scaling), train);
  CHECK(values[0] + values[2] + values[4] == Approx(0).margin(1e-6));
  CHECK(values[1] == 0);
}

TEST_CASE("views: jitter is normal, and follows seed, stream, step and row alone") {
  const auto x = data::make_array<float>("x", {1, 4}, {0, 0, 0, 0});
  const auto view = data::jitter_view(x, {}, 0.15);
  const std::vector<int64_t> items(5000, 0);
  const Draw draw{1, 2, 3};
  const auto values = fill<float>(*view, items, draw);
  const double sum = std::accumulate(values.begin(), values.end(), 0.0);
  double squares = 0, fourth = 0;
  for (const double v : values) squares += v * v, fourth += v * v * v * v;
  const double n = static_cast<double>(values.size()), variance = squares / n;
  CHECK(std::abs(sum / n) < 5 * 0.15 / std::sqrt(n));
  CHECK(std::sqrt(variance) == Approx(0.15).epsilon(0.02));
  CHECK(fourth / n / (variance * variance) == Approx(3).epsilon(0.1));

  base::ThreadPool pool(3);
  CHECK(fill<float>(*view, items, draw, &pool) == values);
  CHECK(fill<float>(*view, items, {1, 2, 4}) != values);
  CHECK(fill<float>(*view, items, {1, 3, 3}) != values);
  CHECK(fill<float>(*view, items, {2, 2, 3}) != values);
  // A rank that makes the second half of the rows makes the same numbers.
  const std::vector<int64_t> half(2500, 0);
  const auto second = fill<float>(*view, half, {1, 2, 3, 2500});
  CHECK(std::equal(second.begin(), second.end(), values.begin() + 2500 * 4));
}
