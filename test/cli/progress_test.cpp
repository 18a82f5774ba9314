// SPDX-License-Identifier: Apache-2.0
#include "cli/progress.h"

#include <catch2/catch.hpp>

using allot::cli::progress_line;

TEST_CASE("a progress line has share, rate, time left and the best so far") {
  CHECK(progress_line("anneal", 9000, 20000, 2.0, "1.23 ms") ==
        "anneal  45%  9,000/20,000  4.50 k/s  ETA 2.44 s  best 1.23 ms");
  CHECK(progress_line("anneal", 0, 20000, 0.0, "") == "anneal  0%  0/20,000");
  CHECK(progress_line("anneal", 20000, 20000, 4.0, "") == "anneal  100%  20,000/20,000  5.00 k/s");
  CHECK(progress_line("anneal", 1234567, 0, 1.0, "") == "anneal  1,234,567  1.23 M/s");
  CHECK(progress_line("over", 30, 20, 1.0, "") == "over  100%  30/20  30 /s");
}
