// SPDX-License-Identifier: Apache-2.0
#include "config/yaml.h"

#include <catch2/catch.hpp>

#include "base/error.h"

using namespace allot::config;
using allot::base::Error;
using allot::base::ErrorKind;

namespace {

std::string error_of(const std::string& text) {
  try {
    parse_yaml(text, "f.yaml");
  } catch (const Error& error) {
    CHECK(error.kind() == ErrorKind::config);
    return error.what();
  }
  return "";
}

std::string repeat(const std::string& text, int times) {
  std::string all;
  for (int i = 0; i < times; ++i) all += text;
  return all;
}

}  // namespace

TEST_CASE("a document becomes maps and lists and texts with their lines") {
  const Node root = parse_yaml("# note\na: 012\nb:\n  - x\n  - {c: no, d: 'two words'}\ne:\n", "f.yaml");
  REQUIRE(root.is_map());
  CHECK(root.at("a").text() == "012");
  CHECK(root.at("a").integer(0, 100) == 12);
  CHECK(root.at("a").where() == "f.yaml:2");
  CHECK(root.at("b").items().size() == 2);
  CHECK(root.at("b").items()[1].at("c").text() == "no");
  CHECK(root.at("b").items()[1].at("d").text() == "two words");
  CHECK(root.at("b").items()[1].where() == "f.yaml:5");
  CHECK(root.at("e").kind() == Node::Kind::null);
  CHECK(root.find("z") == nullptr);
}

TEST_CASE("byte-order mark, anchors, comments, block text and an empty file are fine") {
  CHECK(parse_yaml("\xEF\xBB\xBF"
                   "a: 1\n",
                   "f")
            .at("a")
            .text() == "1");
  const Node root = parse_yaml("x: &gpu {memory: 1}\ny: *gpu\nz: |\n  two\n  lines\n", "f");
  CHECK(root.at("y").at("memory").text() == "1");
  CHECK(root.at("z").text() == "two\nlines\n");
  CHECK(parse_yaml("", "f").kind() == Node::Kind::null);
  CHECK(parse_yaml("# only a comment\n", "f").kind() == Node::Kind::null);
  CHECK(parse_yaml("---\na: 1\n...\n", "f").at("a").text() == "1");
  CHECK(parse_yaml("a: \"\\x04\"\n", "f").at("a").text() == "\x04");
}

TEST_CASE("every kind of bad YAML is one error that names the line") {
  const std::pair<std::string, std::string> cases[] = {
      {"a: 1\na: 2\n", "f.yaml:2: key 'a' occurs twice; remove one of the two"},
      {"a: {b: 1, b: 2}\n", "f.yaml:1: key 'b' occurs twice; remove one of the two"},
      {"a: 1\n---\nb: 2\n", "f.yaml:2: the document ends before this line; check the indentation; a file holds one"},
      {"- a\nb: 1\n", "f.yaml:2: the document ends before this line"},
      {": 1\n", "f.yaml:1: a key must be a plain text"},
      {"a: 1\n b: 2\n", "f.yaml:2: is not valid YAML"},
      {"a: &x [*x]\n", "f.yaml:1: an alias stands inside what it names; write the value out"},
      {"a: !!python/object 1\n", "f.yaml:1: tag 'tag:yaml.org,2002:python/object' is not supported"},
      {"[a, b]: 1\n", "f.yaml:1: a key must be a plain text; quote it, or close the bracket before it"},
      {"? {a: 1}\n: 2\n", "f.yaml:1: a key must be a plain text; quote it, or close the bracket before it"},
      {"a: \"\xC3\x28\"\n", "f.yaml:1: is not UTF-8 text; save the file as UTF-8"},
      {"b: 1\na: \xED\xA0\x80\n", "f.yaml:2: is not UTF-8 text; save the file as UTF-8"},
      {std::string("a: 1\nb: \x04 2\nc: 3\n"), "f.yaml:2: control character \\x04"},
      {std::string("a: 1\0b: 2\n", 10), "f.yaml:1: control character \\x00"},
      {"a:\n\tb: 1\n", "f.yaml:2: is not valid YAML"},
      {"a: *nothing\n", "f.yaml:1: is not valid YAML"},
      {"a: [1, 2\n", "f.yaml:"},
      {"a: 'open\n", "f.yaml:1: is not valid YAML"},
      {"a: \"open\n\n", "f.yaml:2: is not valid YAML"},
      {"a: b: c\n", "f.yaml:1: is not valid YAML"},
      {"a: {b\n", "f.yaml:"},
      {"a: @x\n", "f.yaml:1: is not valid YAML"},
      {repeat("[", 100'000), "f.yaml:1: more than 1000 brackets are open; close them"},
      {"[[[[\n", "f.yaml:1: a key must be a plain text; quote it, or close the bracket before it"},
      {"a: [[1]\n", "f.yaml:1: is not valid YAML: end of sequence flow not found"},
      {repeat("[", 900) + repeat("]", 900), "f.yaml:1: nesting is deeper than 64; flatten the file"},
      {repeat("{a: ", 900) + repeat("}", 900), "f.yaml:1: nesting is deeper than 64; flatten the file"},
      {repeat("- ", 100'000), "f.yaml:1: nesting is deeper than 64; flatten the file"},
      {repeat("? ", 100'000), "f.yaml:1: "},
      {std::string((4u << 20) + 1, 'a'), "f.yaml: is larger than 4 MiB; split it"},
  };
  for (const auto& [text, expected] : cases) {
    INFO(text.substr(0, 60));
    const std::string error = error_of(text);
    CHECK(error.substr(0, expected.size()) == expected);
    CHECK(error.find('\n') == std::string::npos);
  }
  CHECK(error_of("a:\n\tb: 1\n").find("indent with spaces, not tabs") != std::string::npos);
}

TEST_CASE("anchors cannot expand without bound") {
  std::string laughs = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n";
  for (int i = 1; i < 12; ++i) {
    const std::string last = "*a" + std::to_string(i - 1);
    laughs += "a" + std::to_string(i) + ": &a" + std::to_string(i) + " [" + repeat(last + ", ", 9) + last + "]\n";
  }
  CHECK(error_of(laughs).find("anchors expand to more than 100000 values") != std::string::npos);

  std::string deep = "a0: &a0 [x]\n";
  for (int i = 1; i < 200; ++i)
    deep += "a" + std::to_string(i) + ": &a" + std::to_string(i) + " [*a" + std::to_string(i - 1) + "]\n";
  CHECK(error_of(deep).find("nesting is deeper than 64") != std::string::npos);
  CHECK(error_of("[" + repeat("a,", 1'000'001) + "]").find("more than 1000000 values") != std::string::npos);
}

TEST_CASE("readers say what they expected and where") {
  const Node root = parse_yaml("n: 5x\nb: yes\nq: 16XB\nl: [1]\nm: {a: 1}\nz:\n", "f.yaml");
  const auto message = [](const auto& read) {
    try {
      read();
    } catch (const Error& error) {
      return std::string(error.what());
    }
    return std::string();
  };
  CHECK(message([&] { root.at("n").integer(0, 9); }) ==
        "f.yaml:1: n: '5x' is not a plain number; write for example 0.5 or 20k");
  CHECK(message([&] { root.at("b").boolean(); }) == "f.yaml:2: b: 'yes' is not a switch; write true or false");
  CHECK(message([&] { root.at("q").quantity(Unit::bytes, 0, 1); }) ==
        "f.yaml:3: q: '16XB' is not a size in bytes; write for example 16GiB");
  CHECK(message([&] { root.at("l").text(); }) == "f.yaml:4: l: expects a single value, not a list");
  CHECK(message([&] { root.at("l").items()[0].quantity(Unit::none, 2, 3); }) ==
        "f.yaml:4: [0]: '1' is out of range; choose between 2 and 3");
  CHECK(message([&] { root.at("m").items(); }) ==
        "f.yaml:5: m: expects a list, not a map; write [a, b] or lines with '- '");
  CHECK(message([&] { root.at("z").entries(); }) ==
        "f.yaml:6: z: expects a map, not nothing; write 'key: value' lines");
  CHECK(message([&] { root.at("m").at("b"); }) == "f.yaml:5: m: 'b' is missing; add b: ...");
}

TEST_CASE("all unknown keys are reported at once with the nearest known name") {
  const Node one = parse_yaml("memory: 1\nmemry: 2\n", "f.yaml");
  CHECK_THROWS_WITH(one.require_keys({"memory", "kind"}), "f.yaml:2: unknown key 'memry'; did you mean 'memory'?");
  const Node three = parse_yaml("memry:\n  1\nqqqqqqqq: 2\nkind: 3\nknd: 4\n", "f.yaml");
  CHECK_THROWS_WITH(three.require_keys({"memory", "kind"}),
                    "f.yaml:1: unknown keys 'memry' (did you mean 'memory'?), 'qqqqqqqq' in line 3, 'knd' in line 5 "
                    "(did you mean 'kind'?); correct or remove them");
  CHECK_THROWS_WITH(parse_yaml("zzzzzz: 2\n", "f").require_keys({"a", "bb"}),
                    "f:1: unknown key 'zzzzzz'; choose one of: a, bb");
}

TEST_CASE("many unknown keys cost little and are counted") {
  std::string text;
  for (int i = 0; i < 30'000; ++i) text += "k" + std::to_string(i) + ": 1\n";
  const std::string error = [&] {
    try {
      parse_yaml(text, "f").require_keys({"memory", "kind"});
    } catch (const Error& e) {
      return std::string(e.what());
    }
    return std::string();
  }();
  CHECK(error.find("'k9' in line 10 and 29990 more") != std::string::npos);
}

TEST_CASE("scalars survive being written and read") {
  for (const std::string text :
       {"",    "a",  "null",      "~",  "true", "-",  "- a",   "-5",       "-a",           "a: b",      "#x",
        " a",  "a ", "two words", "\"", "\\",   "\n", "a\tb",  "\x01\x7f", "%x",           "[a]",       "{",
        "*a",  "&a", "!a",        "@",  "`",    "'",  "16GiB", "1e-3",     "2%",           "caf\u00e9", "\U0001F600",
        "a,b", "=",  "<<",        "|",  ">",    "?",  "---",   "...",      "/data/x.onnx", "012",       "a:b"}) {
    INFO(text);
    CHECK(parse_yaml("k: " + yaml_scalar(text) + "  # note\n", "f").at("k").text() == text);
    CHECK(parse_yaml("k: [" + yaml_scalar(text) + ", x]\n", "f").at("k").items()[0].text() == text);
  }
  CHECK_THROWS_AS(yaml_scalar("\xFF"), Error);
}
