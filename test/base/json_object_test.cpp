// SPDX-License-Identifier: Apache-2.0
#include "base/json_object.h"

#include <nlohmann/json.hpp>

#include <catch2/catch.hpp>

#include "base/error.h"
#include "base/json.h"

using namespace allot::base;

TEST_CASE("line_of finds values in any layout") {
  const std::string text = "{\"a\\n\": [1,\n {\"b\": \"]}\\\"\",\n\"c/d\": {}}],\n \"e\" : -1.5e3}";
  CHECK(line_of(text, "") == 1);
  CHECK(line_of(text, "/a\n/0") == 1);
  CHECK(line_of(text, "/a\n/1") == 2);
  CHECK(line_of(text, "/a\n/1/b") == 2);
  CHECK(line_of(text, "/a\n/1/c~1d") == 3);
  CHECK(line_of(text, "/e") == 4);
  CHECK(line_of(text, "/a\n/1/nothing") == 2);
  CHECK(line_of(text, "/e/x") == 4);
}

TEST_CASE("optional keys may be absent, others may not, and unknown ones never") {
  const auto read = [](const std::string& text) {
    const JsonSource source{"x.json", text, "ask for more"};
    const auto document = parse_json(text, source.path);
    const JsonObject object(source, document, "", {"a"}, {"b"});
    return std::pair{object.has("b"), object.list_of_numbers("a")};
  };
  CHECK(read("{\"a\": [1, 2.5]}") == std::pair{false, std::vector{1.0, 2.5}});
  CHECK(read("{\"a\": [], \"b\": 0}") == std::pair{true, std::vector<double>{}});
  CHECK_THROWS_WITH(read("{\"b\": 0}"), "x.json:1: key /a is missing; ask for more");
  CHECK_THROWS_WITH(read("{\"a\": [],\n \"c\": 0}"), Catch::Contains("x.json:2: key /c is unknown"));
  CHECK_THROWS_WITH(read("{\"a\": [true]}"), Catch::Contains("must be a list of numbers"));
}

TEST_CASE("whole numbers of a list are checked one by one") {
  const std::string text = "{\"a\": [1, 3], \"b\": [1, 4], \"c\": [1.5]}";
  const JsonSource source{"x.json", text};
  const auto document = parse_json(text, source.path);
  const JsonObject object(source, document, "", {"a", "b", "c"});
  CHECK(object.list_of_integers("a", 1, 3) == std::vector<int64_t>{1, 3});
  CHECK_THROWS_WITH(object.list_of_integers("b", 1, 3), Catch::Contains("must be in [1, 3]"));
  CHECK_THROWS_WITH(object.list_of_integers("c"), Catch::Contains("must be a whole number"));
}
