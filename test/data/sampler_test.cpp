// SPDX-License-Identifier: Apache-2.0
#include "data/sampler.h"

#include <algorithm>
#include <map>
#include <numeric>
#include <set>

#include <catch2/catch.hpp>

using namespace allot;
using data::Order;
using data::Permutation;
using data::Sampler;

namespace {

std::vector<int64_t> upto(int64_t count) {
  std::vector<int64_t> items(static_cast<size_t>(count));
  std::iota(items.begin(), items.end(), int64_t{0});
  return items;
}

double chi_square(const std::vector<double>& counts, double expected) {
  double sum = 0;
  for (const double count : counts) sum += (count - expected) * (count - expected) / expected;
  return sum;
}

}  // namespace

TEST_CASE("permutation: a bijection of every size") {
  for (uint64_t size = 1; size < 300; ++size) {
    const Permutation order(size, 7, 1, 2);
    std::vector<bool> seen(size);
    for (uint64_t i = 0; i < size; ++i) {
      REQUIRE(order[i] < size);
      REQUIRE_FALSE(seen[order[i]]);
      seen[order[i]] = true;
    }
  }
  const Permutation huge(uint64_t{1} << 40, 1, 0, 0);
  std::set<uint64_t> images;
  for (uint64_t i = 0; i < 1000; ++i) images.insert(huge[i]);
  CHECK(images.size() == 1000);
}

TEST_CASE("permutation: all orders of a small set are equally likely") {
  // 99.99 % quantiles of chi-square with n! - 1 degrees of freedom.
  const std::map<uint64_t, double> bound{{2, 15.1}, {3, 25.7}, {4, 57.1}, {5, 187.0}};
  for (const auto& [size, most] : bound) {
    std::map<std::vector<uint64_t>, double> counts;
    uint64_t orders = 1;
    for (uint64_t i = 2; i <= size; ++i) orders *= i;
    const uint32_t draws = static_cast<uint32_t>(orders) * 400;
    for (uint32_t epoch = 0; epoch < draws; ++epoch) {
      const Permutation order(size, 3, 0, epoch);
      std::vector<uint64_t> images;
      for (uint64_t i = 0; i < size; ++i) images.push_back(order[i]);
      ++counts[images];
    }
    CHECK(counts.size() == orders);
    std::vector<double> cells;
    for (const auto& [images, count] : counts) cells.push_back(count);
    INFO("size " << size);
    CHECK(chi_square(cells, 400) < most);
  }
}

TEST_CASE("permutation: where an item lands, and what follows it, is uniform") {
  constexpr uint64_t kSize = 20, kDraws = 20'000;
  std::vector<double> place(kSize), next(kSize);
  for (uint32_t epoch = 0; epoch < kDraws; ++epoch) {
    const Permutation order(kSize, 5, 9, epoch);
    ++place[order[3]];
    ++next[(order[4] + kSize - order[3]) % kSize];
  }
  CHECK(chi_square(place, double{kDraws} / kSize) < 51.0);  // 99.99 % at 19 degrees of freedom
  CHECK(next[0] == 0);
  CHECK(chi_square({next.begin() + 1, next.end()}, double{kDraws} / (kSize - 1)) < 49.1);
}

TEST_CASE("sampler: epochs hold every item once, differ, and start anywhere") {
  const Sampler sampler({10, 11, 12, 13, 14, 15, 16}, 1, 2);
  std::vector<int64_t> stream(7 * 20);
  sampler.fill(0, stream);
  std::set<std::vector<int64_t>> epochs;
  for (size_t e = 0; e < 20; ++e) {
    std::vector<int64_t> epoch(stream.begin() + 7 * e, stream.begin() + 7 * (e + 1));
    epochs.insert(epoch);
    std::sort(epoch.begin(), epoch.end());
    CHECK(epoch == sampler.items());
  }
  CHECK(epochs.size() >= 19);  // of 5,040
  for (uint64_t first = 0; first < 30; ++first) {
    std::vector<int64_t> part(23);
    sampler.fill(first, part);
    CHECK(std::equal(part.begin(), part.end(), stream.begin() + first));
  }
  // Two ranks that share a batch of 10 see what one would.
  const auto batch = sampler.batch(3, 10);
  std::vector<int64_t> half(5);
  sampler.fill(3 * 10 + 5, half);
  CHECK(std::equal(half.begin(), half.end(), batch.begin() + 5));
}

TEST_CASE("sampler: seeds and streams are told apart, stored order is kept, replacement repeats") {
  const auto items = upto(1000);
  const auto first = Sampler(items, 1, 0).batch(0, 1000);
  CHECK(first == Sampler(items, 1, 0).batch(0, 1000));
  CHECK(first != Sampler(items, 2, 0).batch(0, 1000));
  CHECK(first != Sampler(items, 1, 1).batch(0, 1000));
  CHECK(Sampler({5, 3, 4}, 1, 0, Order::stored).batch(1, 4) == std::vector<int64_t>{3, 4, 5, 3});

  const auto drawn = Sampler(items, 1, 0, Order::replacement).batch(0, 1000);
  const std::set<int64_t> distinct(drawn.begin(), drawn.end());
  CHECK(distinct.size() > 580);  // 632 +- 10 expected
  CHECK(distinct.size() < 685);
  CHECK(Sampler(items, 1, 0, Order::replacement)[700] == drawn[700]);
}
