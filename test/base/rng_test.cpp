// SPDX-License-Identifier: Apache-2.0
#include "base/rng.h"

#include <catch2/catch.hpp>

using namespace allot::base;

TEST_CASE("philox gives the published vectors") {
  // Random123 1.09, kat_vectors, philox4x32 with 10 rounds.
  CHECK(philox({0, 0, 0, 0}, {0, 0}) == std::array<uint32_t, 4>{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8});
  CHECK(philox({~0u, ~0u, ~0u, ~0u}, {~0u, ~0u}) ==
        std::array<uint32_t, 4>{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd});
  CHECK(philox({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0}) ==
        std::array<uint32_t, 4>{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1});
}

TEST_CASE("streams are independent of one another and repeatable") {
  Rng a(7, 1, 2, 3), b(7, 1, 2, 3), c(7, 1, 2, 4);
  for (int i = 0; i < 100; ++i) {
    const auto x = a.next_u32();
    CHECK(x == b.next_u32());
    CHECK(x != c.next_u32());
  }
}

TEST_CASE("below is uniform within its bound and uniform has the right mean") {
  Rng rng(1);
  std::array<int, 6> counts{};
  double sum = 0, normal_square = 0;
  for (int i = 0; i < 60000; ++i) ++counts[rng.below(6)];
  for (int i = 0; i < 60000; ++i) {
    sum += rng.uniform();
    const double n = rng.normal();
    normal_square += n * n;
  }
  for (const int count : counts) CHECK(std::abs(count - 10000) < 500);
  CHECK(sum / 60000 == Approx(0.5).margin(0.01));
  CHECK(normal_square / 60000 == Approx(1.0).margin(0.03));
}
