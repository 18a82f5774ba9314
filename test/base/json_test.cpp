// SPDX-License-Identifier: Apache-2.0
#include "base/json.h"

#include <rapidcheck.h>
#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "base/error.h"

using namespace allot::base;

namespace {

std::string refusal(const std::string& text) {
  try {
    parse_json(text, "f.json");
    return "";
  } catch (const Error& error) {
    CHECK(error.kind() == ErrorKind::malformed);
    return error.what();
  }
}

}  // namespace

TEST_CASE("any text is quoted so that it reads back") {
  rc::check([] {
    const auto text = *rc::gen::container<std::string>(rc::gen::inRange<char>(0, 127));
    RC_ASSERT(parse_json(json_quote(text), "f.json").get<std::string>() == text);
  });
  CHECK(json_quote("plain /text.0") == "\"plain /text.0\"");
  CHECK(json_quote("a\"b\\c\n\x7f") == "\"a\\\"b\\\\c\\n\x7f\"");
  CHECK(json_quote("\xff") == "\"\xef\xbf\xbd\"");
}

TEST_CASE("a document is read with all its values") {
  const auto document =
      parse_json(R"({"a": [1, -2, 2.5, true, null, {"a": {"a": ""}}], "b": 18446744073709551615})", "f");
  CHECK(document["a"][1] == -2);
  CHECK(document["a"][5]["a"]["a"] == "");
  CHECK(document["b"] == ~uint64_t{0});
  CHECK(parse_json("[{\"k\":1},{\"k\":2}]", "f").size() == 2);
}

TEST_CASE("what is wrong with a document is said in one line") {
  CHECK_THAT(refusal("{\n\"a\": 1,\n\"b\" 2}"), Catch::StartsWith("f.json:3: is not valid JSON"));
  CHECK_THAT(refusal(""), Catch::StartsWith("f.json:1: is not valid JSON"));
  CHECK_THAT(refusal("{} x"), Catch::StartsWith("f.json:1: is not valid JSON"));
  CHECK_THAT(refusal("[NaN]"), Catch::StartsWith("f.json:1: is not valid JSON"));
  CHECK_THAT(refusal("[\n1e999]"), Catch::StartsWith("f.json:2: is not valid JSON: number overflow"));
  CHECK_THAT(refusal("{\"a\": {\"b\": 1, \"c\": 2, \"b\": 3}}"), Catch::Contains("key \"b\" occurs twice"));
  CHECK_THAT(refusal("[{\"a\": 1}, {\"a\": [], \"a\": 2}]"), Catch::Contains("key \"a\" occurs twice"));
  CHECK_THAT(refusal(std::string(65, '[') + std::string(65, ']')), Catch::Contains("nested more than 64 deep"));
  CHECK_THAT(refusal(std::string(1'000'000, '[')), Catch::Contains("nested more than 64 deep"));
  CHECK(refusal(std::string(64, '[') + std::string(64, ']')).empty());
}
