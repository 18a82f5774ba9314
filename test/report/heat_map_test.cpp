// SPDX-License-Identifier: Apache-2.0
#include "report/heat_map.h"

#include <limits>

#include <catch2/catch.hpp>

#include "report/well_formed.h"

using namespace allot::report;
using allot::test::count;
using allot::test::malformation;

namespace {

std::string place(size_t row, size_t column) { return std::to_string(row) + " < " + std::to_string(column); }

}  // namespace

TEST_CASE("a heat map has a cell for each number, by sign and strength") {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const std::string html = heat_map({{2, -1, 0.001}, {nan, 1, 2}}, "a & b", place);
  CHECK(malformation(html) == "");
  const std::string cells = html.substr(0, html.find("key to"));
  CHECK(count(cells, "class=\"accent h9\"") == 2);  // the largest
  CHECK(count(cells, "class=\"bad h5\"") == 1);     // half of it
  CHECK(count(cells, "class=\"accent h5\"") == 1);
  CHECK(count(cells, "<rect") == 4);  // neither what is not finite nor what is next to nothing
  CHECK(count(cells, "1 &lt; 2") == 1);
  CHECK(count(cells, "a &amp; b") == 1);
  CHECK(count(html, ">-2</text>") == 1);
}

TEST_CASE("a heat map of nothing is nothing, and one of zeros is empty") {
  CHECK(heat_map({}, "none", place).empty());
  CHECK(heat_map({{}}, "none", place).empty());
  const std::string zeros = heat_map({{0, 0}}, "zeros", place);
  CHECK(malformation(zeros) == "");
  CHECK(count(zeros, "<rect") == 0);
}
