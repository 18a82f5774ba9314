// SPDX-License-Identifier: Apache-2.0
#include "cli/table.h"

#include <catch2/catch.hpp>

using namespace allot::cli;

TEST_CASE("columns fit their content, numbers stand right and their headings above them") {
  Table table({"method", "makespan", "fits"});
  table.row({"heft", "1.23 ms", "yes"});
  table.row({"single gpu0", "12.3 ms", ""});
  table.row({"caf\u00e9", "-", "yes"});
  CHECK(table.str() ==
        "method       makespan  fits\n"
        "heft          1.23 ms  yes\n"
        "single gpu0   12.3 ms\n"
        "caf\u00e9                -  yes\n");
}

TEST_CASE("wide and combining characters are counted as a terminal shows them") {
  CHECK(display_width("abc") == 3);
  CHECK(display_width("caf\u00e9") == 4);
  CHECK(display_width("cafe\u0301") == 4);
  CHECK(display_width("\u6a21\u578b") == 4);
  CHECK(display_width("\U0001F600") == 2);
  CHECK(display_width("\xFF\xFE") == 2);
}

TEST_CASE("foreign cells cannot break the table") {
  Table table({"a"});
  table.row({"x\ny\x1b[31m"});
  table.row({std::string(1'000'000, 'z')});
  table.row({"1", "surplus"});
  CHECK(table.str().substr(0, 18) == "a\nx\\x0ay\\x1b[31m\nz");
  CHECK(table.str().size() < 1000);
}
