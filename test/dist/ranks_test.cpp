// SPDX-License-Identifier: Apache-2.0
// Several ranks are tested by test/programs/real_run.py, under mpirun.
#include "dist/ranks.h"

#include <catch2/catch.hpp>

using namespace allot;

TEST_CASE("ranks: a process that nobody started beside others is alone") {
  REQUIRE_FALSE(dist::is_one_of_several());
  dist::Ranks& all = dist::ranks();
  CHECK(all.rank() == 0);
  CHECK(all.size() == 1);
  CHECK_FALSE(all.receive());
  CHECK(all.barrier([] { return true; }));
  CHECK(&all == &dist::ranks());
}
