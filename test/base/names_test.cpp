// SPDX-License-Identifier: Apache-2.0
#include "base/names.h"

#include <catch2/catch.hpp>

using allot::base::Names;

TEST_CASE("names come back as they were given, empty ones too", "[base]") {
  Names names{"first", "", "a\0b"};
  names.push_back(std::string(1000, 'x'));
  names.shrink_to_fit();
  REQUIRE(names.size() == 4);
  CHECK(names[0] == "first");
  CHECK(names[1].empty());
  CHECK(names[3] == std::string(1000, 'x'));
  size_t characters = 0;
  for (const std::string_view name : names) characters += name.size();
  CHECK(characters == 5 + 0 + 1 + 1000);  // a literal ends at its first zero
}

TEST_CASE("names are equal where each is", "[base]") {
  CHECK(Names(2) == Names{"", ""});
  CHECK(Names{"ab", "c"} == Names{"ab", "c"});
  CHECK_FALSE(Names{"ab", "c"} == Names{"a", "bc"});  // the same characters
}
