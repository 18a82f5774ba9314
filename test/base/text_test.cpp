// SPDX-License-Identifier: Apache-2.0
// Errors, hashes and JSON text.
#include <cmath>
#include <limits>

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/hash.h"
#include "base/json.h"

using namespace allot::base;

TEST_CASE("an error is one line: place, what, remedy") {
  const Error error(ErrorKind::malformed, "node 'a'", "has no output", "add one");
  CHECK(std::string(error.what()) == "node 'a': has no output; add one");
  CHECK(std::string(error.within("m.onnx").what()) == "m.onnx: node 'a': has no output; add one");
  CHECK(exit_code(error.kind()) == 65);
}

TEST_CASE("foreign text is printable whatever it holds") {
  CHECK(printable("plain ünïcode") == "plain ünïcode");
  CHECK(printable(std::string_view("a\nb\0c\x7f", 6)) == "a\\x0ab\\x00c\\x7f");
  CHECK(printable("\xff\xc3") == "\\xff\\xc3");
  CHECK(printable("back\\slash") == "back\\\\slash");
  const auto cut = printable(std::string(1'000'000, 'n'), 200);
  CHECK(cut.size() < 250);
  CHECK(cut.find("(999800 bytes)") != std::string::npos);
}

TEST_CASE("the nearest name is suggested, or all of them") {
  const std::vector<std::string> names = {"learning_rate", "momentum"};
  CHECK(suggestion("lerning_rate", names) == "did you mean 'learning_rate'?");
  CHECK(suggestion("batch", names) == "choose one of: learning_rate, momentum");
  CHECK(edit_distance("kitten", "sitting") == 3);
}

TEST_CASE("SHA-256 gives the published digests, fed whole or in pieces") {
  CHECK(sha256("") == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  CHECK(sha256("abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  CHECK(sha256("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq") ==
        "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
  const std::string million(1'000'000, 'a');
  CHECK(sha256(million) == "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
  Sha256 pieces;
  for (size_t i = 0; i < million.size(); i += 977) pieces.add(std::string_view(million).substr(i, 977));
  CHECK(pieces.hex() == sha256(million));
  Sha256 one, other;
  one.add_field("ab"), one.add_field("c");
  other.add_field("a"), other.add_field("bc");
  CHECK(one.hex() != other.hex());
}

TEST_CASE("written JSON parses back to the same values") {
  JsonWriter json;
  json.begin_object().field("text", "q\"\\\n\xff").field("pi", 0.1).field("big", std::numeric_limits<int64_t>::min());
  json.field("nan", std::nan("")).key("rows").begin_array();
  json.begin_object(true).field("a", 1).field("ok", true).end_object();
  json.value(std::vector<double>{1.5, 1e300}).end_array().key("empty").begin_object().end_object().end_object();
  const std::string text = json.str();
  const auto parsed = parse_json(text, "x.json");
  CHECK(parsed["text"] == "q\"\\\n\xEF\xBF\xBD");
  CHECK(parsed["pi"] == 0.1);
  CHECK(parsed["big"] == std::numeric_limits<int64_t>::min());
  CHECK(parsed["nan"].is_null());
  CHECK(parsed["rows"][1][1] == 1e300);
  CHECK(text.find("{\"a\": 1, \"ok\": true}") != std::string::npos);
}

TEST_CASE("bad JSON is refused with file and line") {
  const auto message = [](const std::string& text) {
    try {
      const auto parsed = parse_json(text, "x.json");
      check_json_keys(parsed, {"alpha", "beta"}, text, "x.json", "the file");
    } catch (const Error& error) {
      CHECK(error.kind() == ErrorKind::malformed);
      return std::string(error.what());
    }
    return std::string("accepted");
  };
  CHECK(message("{\"alpha\": 1}") == "accepted");
  CHECK(message("{\n\"alpha\": 1,\n]").starts_with("x.json:3: is not valid JSON"));
  CHECK(message("{\"a\": {\"b\": 1, \"b\": 2}}").find("\"b\" occurs twice") != std::string::npos);
  CHECK(message("{\"a\": {\"b\": 1}, \"c\": {\"b\": 2}}").find("occurs twice") == std::string::npos);
  CHECK(message("{\n\n\"alhpa\": 1}") == "x.json:3: unknown key \"alhpa\" in the file; did you mean 'alpha'?");
  CHECK(message(std::string(100'000, '[')).find("nested") != std::string::npos);
  CHECK(message("").starts_with("x.json:1"));
  CHECK(message("[1]").find("must be an object") != std::string::npos);
}
