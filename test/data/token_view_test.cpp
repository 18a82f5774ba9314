// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <numeric>

#include <catch2/catch.hpp>

#include "data/view.h"

using namespace allot;

TEST_CASE("token view: tokens are dropped and replaced as often as asked, special ones never") {
  // Tokens 10 to 19 in equal parts, 1 begins and 0 pads each item.
  std::vector<int64_t> ids;
  for (int64_t i = 0; i < 200; ++i) {
    ids.push_back(1);
    for (int64_t t = 0; t < 10; ++t) ids.push_back(10 + t);
    ids.push_back(0);
  }
  const auto array = data::make_array("ids", {200, 12}, ids);
  const auto view = data::token_view(array, {.dropout = 0.1, .replacement = 0.2, .mask = 5, .kept = {1, 0}});
  CHECK(view->dtype() == data::DType::int64);
  std::vector<int64_t> items(2000), out(2000 * 12);
  for (size_t i = 0; i < items.size(); ++i) items[i] = static_cast<int64_t>(i % 200);
  view->fill(items, {1, 2, 3}, std::as_writable_bytes(std::span(out)));
  double dropped = 0, replaced = 0;
  std::vector<int> drawn(10);
  for (size_t row = 0; row < 2000; ++row) {
    REQUIRE(out[row * 12] == 1);
    REQUIRE(out[row * 12 + 11] == 0);
    for (size_t t = 0; t < 10; ++t) {
      const int64_t token = out[row * 12 + 1 + t];
      if (token == 5) ++dropped;
      if (token == 5 || token == static_cast<int64_t>(10 + t)) continue;
      REQUIRE(token >= 10);
      REQUIRE(token < 20);
      ++replaced, ++drawn[static_cast<size_t>(token - 10)];
    }
  }
  CHECK(dropped / 20'000 == Approx(0.1).epsilon(0.1));
  CHECK(replaced / 20'000 == Approx(0.2 * 0.9).epsilon(0.08));  // a tenth of the draws is the token itself
  for (const int count : drawn) CHECK(count == Approx(360).margin(100));

  base::ThreadPool pool(3);
  std::vector<int64_t> threaded(out.size());
  view->fill(items, {1, 2, 3}, std::as_writable_bytes(std::span(threaded)), &pool);
  CHECK(threaded == out);
}

TEST_CASE("token view: an array of special tokens alone stays as it is") {
  const auto array = data::make_array<uint8_t>("ids", {1, 4}, {0, 0, 0, 0});
  const auto view = data::token_view(array, {.dropout = 0.5, .replacement = 0.5, .mask = 5, .kept = {0}});
  std::vector<int64_t> out(4);
  const int64_t item = 0;
  view->fill({&item, 1}, {}, std::as_writable_bytes(std::span(out)));
  CHECK(out == std::vector<int64_t>(4, 0));
}
