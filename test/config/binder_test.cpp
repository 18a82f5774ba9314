// SPDX-License-Identifier: Apache-2.0
#include "config/binder.h"

#include <limits>

#include <catch2/catch.hpp>

#include "base/error.h"
#include "base/rng.h"

using namespace allot::config;
using allot::base::Error;
using allot::base::ErrorKind;

namespace {

struct Options {
  bool fast = false;
  int64_t evaluations = 0;
  double memory = 1024, rate = 0.5;
  std::string method = "auto", note;
  std::vector<std::string> deny;
  double decay = 0.9;
  std::string output;

  void bind(Binder& b) {
    b.flag("fast", fast, "skip what takes long");
    b.text("note", note, "free text");
    b.list("deny", deny, "op types that may not run there");
    b.text("output", output, "where to write").cli_only = true;
    b.section("search", "how to look for placements", [&](Binder& s) {
      s.integer("evaluations", evaluations, "simulations to spend; 0 = by size", 0, int64_t{1} << 40);
      s.choice("method", method, "how to place", {"auto", "heft", "anneal"});
      s.section("cooling", "temperature", [&](Binder& c) { c.number("decay", decay, "factor a round", 0, 1); });
    });
    b.number("memory_limit", memory, "bytes to use at most", 0, 0x1p50, Unit::bytes);
    b.number("rate", rate, "part of moves", 0, 1, Unit::fraction);
  }
};

struct Bound : Options {
  Binder binder;
  Bound() { bind(binder); }
  void yaml(const std::string& text) { apply_yaml(binder, parse_yaml(text, "f.yaml")); }
};

}  // namespace

TEST_CASE("a file sets options of every type and leaves the rest at their defaults") {
  Bound o;
  o.yaml(
      "fast: true\nnote: 'no'\ndeny: [A, B]\nmemory_limit: 16GiB\nrate: 2%\n"
      "search: {evaluations: 20k, method: heft, cooling: {decay: .5}}\n");
  CHECK(o.fast);
  CHECK(o.note == "no");
  CHECK(o.deny == std::vector<std::string>{"A", "B"});
  CHECK(o.memory == 17179869184.0);
  CHECK(o.rate == 0.02);
  CHECK(o.evaluations == 20000);
  CHECK(o.method == "heft");
  CHECK(o.decay == 0.5);
  Bound p;
  p.yaml("search.cooling.decay: 0.25\ndeny: A\n");
  p.yaml("");
  CHECK(p.decay == 0.25);
  CHECK(p.deny == std::vector<std::string>{"A"});
  CHECK(p.method == "auto");
}

TEST_CASE("later layers win and replace lists") {
  Bound o;
  o.yaml("search: {evaluations: 1}\ndeny: [A, B]\n");
  o.yaml("deny: [C]\n");
  CHECK(o.evaluations == 1);
  CHECK(o.deny == std::vector<std::string>{"C"});
  apply_set(o.binder, "search.evaluations=2");
  apply_set(o.binder, "deny=[D, 'E F']");
  CHECK(o.evaluations == 2);
  CHECK(o.deny == std::vector<std::string>{"D", "E F"});
  apply_set(o.binder, "memory-limit=1KiB");
  CHECK(o.memory == 1024);
  apply_set(o.binder, "note=a=b");
  CHECK(o.note == "a=b");
  apply_flag(*o.binder.find("search.evaluations"), {"3", "4"});
  apply_flag(*o.binder.find("deny"), {"X", "Y"});
  CHECK(o.evaluations == 4);
  CHECK(o.deny == std::vector<std::string>{"X", "Y"});
}

TEST_CASE("errors of a file name its line") {
  const std::pair<const char*, const char*> cases[] = {
      {"search: {evaluations: x}",
       "f.yaml:1: search.evaluations: 'x' is not a whole number; write for example 100 or "
       "20k"},
      {"search: {evaluations: 1.5}",
       "f.yaml:1: search.evaluations: '1.5' is not a whole number; write for example 100 "
       "or 20k"},
      {"\nsearch:\n  evaluations: -1",
       "f.yaml:3: search.evaluations: '-1' is out of range; choose between 0 and "
       "1099511627776"},
      {"rate: 1.5", "f.yaml:1: rate: '1.5' is out of range; choose between 0 and 1"},
      {"rate: .nan", "f.yaml:1: rate: '.nan' is not a fraction; write for example 0.02 or 2%"},
      {"memory_limit: -1", "f.yaml:1: memory_limit: '-1' is out of range; choose between 0B and 1PiB"},
      {"memory_limit: 3us", "f.yaml:1: memory_limit: '3us' is not a size in bytes; write for example 16GiB"},
      {"fast: yes", "f.yaml:1: fast: 'yes' is not a switch; write true or false"},
      {"fast: [true]", "f.yaml:1: fast: expects a single value, not a list"},
      {"fast:", "f.yaml:1: fast: expects a single value, not nothing"},
      {"deny: [[A]]", "f.yaml:1: [0]: expects a single value, not a list"},
      {"search: {method: hefd}", "f.yaml:1: search.method: 'hefd' is not a choice; choose one of: auto, heft, anneal"},
      {"search: 3", "f.yaml:1: search: expects a map, not a single value; write 'key: value' lines"},
      {"- a", "f.yaml:1: expects a map, not a list; write 'key: value' lines"},
      {"output: x", "f.yaml:1: output: names something of one run and is not part of a configuration; pass --output"},
      {"search: {evaluations: 1}\nsearch.evaluations: 2",
       "f.yaml:2: search.evaluations: is set twice in this file; keep one of the two ways to write search.evaluations"},
      {"fsat: true\nsearch:\n  evaluation: 1\n  cooling: {dekay: 1}\n",
       "f.yaml:1: unknown keys 'fsat' (did you mean 'fast'?), 'evaluation' in line 3 (did you mean 'evaluations'?), "
       "'dekay' in line 4 (did you mean 'decay'?); correct or remove them"},
  };
  for (const auto& [text, message] : cases) {
    Bound o;
    INFO(text);
    try {
      o.yaml(text);
      FAIL("accepted");
    } catch (const Error& error) {
      CHECK(error.kind() == ErrorKind::config);
      CHECK(std::string(error.what()) == message);
    }
  }
}

TEST_CASE("errors of --set and flags are usage errors") {
  const std::pair<const char*, const char*> cases[] = {
      {"search.evaluatons=1", "--set search.evaluatons: there is no such option; did you mean 'search.evaluations'?"},
      {"rate=2", "--set rate: '2' is out of range; choose between 0 and 1"},
      {"rate", "--set rate: is not an assignment; write --set key=value"},
      {"=1", "--set =1: is not an assignment; write --set key=value"},
      {"deny=[a", "--set deny:1: a key must be a plain text; quote it, or close the bracket before it"},
  };
  for (const auto& [text, message] : cases) {
    Bound o;
    try {
      apply_set(o.binder, text);
      FAIL("accepted");
    } catch (const Error& error) {
      CHECK(error.kind() == ErrorKind::usage);
      CHECK(std::string(error.what()) == message);
    }
  }
  Bound o;
  CHECK_THROWS_AS(apply_set(o.binder, "output=x"), Error);
  CHECK_THROWS_WITH(apply_flag(*o.binder.find("search.evaluations"), {"x"}),
                    "--search.evaluations: 'x' is not a whole number; write for example 100 or 20k");
}

TEST_CASE("the dump is commented YAML that gives the same options again") {
  Bound defaults;
  CHECK(dump_yaml(defaults.binder, true) == "# all options have their default values\n{}\n");
  const std::string full = dump_yaml(defaults.binder, false);
  CHECK(full ==
        "# skip what takes long\nfast: false\n# free text\nnote: \"\"\n"
        "# op types that may not run there\ndeny: []\n"
        "# bytes to use at most (between 0B and 1PiB)\nmemory_limit: 1KiB\n"
        "# part of moves (between 0 and 1)\nrate: 0.5\n"
        "# how to look for placements\nsearch:\n"
        "  # simulations to spend; 0 = by size (between 0 and 1099511627776)\n  evaluations: 0\n"
        "  # how to place (one of auto, heft, anneal)\n  method: auto\n"
        "  # temperature\n  cooling:\n    # factor a round (between 0 and 1)\n    decay: 0.9\n");

  allot::base::Rng rng(3);
  const std::vector<std::string> texts = {"", "no", "a: b", "\"quoted\"", "two\nlines", "# x", "caf\u00e9", "null"};
  for (int i = 0; i < 500; ++i) {
    Bound a;
    a.fast = rng.below(2);
    a.note = texts[rng.below(static_cast<uint32_t>(texts.size()))];
    for (uint32_t k = rng.below(3); k > 0; --k) a.deny.push_back(texts[rng.below(static_cast<uint32_t>(texts.size()))]);
    a.memory = rng.uniform() * 0x1p40;
    a.rate = rng.uniform();
    a.decay = rng.below(2) ? 0.9 : rng.uniform();
    a.evaluations = rng.next_u32();
    a.method = rng.below(2) ? "auto" : "anneal";
    Bound b;
    b.yaml(dump_yaml(a.binder, i % 2));
    REQUIRE(dump_yaml(b.binder, false) == dump_yaml(a.binder, false));
    REQUIRE(b.memory == a.memory);
    REQUIRE(b.rate == a.rate);
    REQUIRE(b.note == a.note);
    REQUIRE(b.deny == a.deny);
  }
}

TEST_CASE("a minimal dump holds only what differs") {
  Bound o;
  o.decay = 0.25;
  CHECK(dump_yaml(o.binder, true) ==
        "# how to look for placements\nsearch:\n  # temperature\n  cooling:\n"
        "    # factor a round (between 0 and 1)\n    decay: 0.25\n");
}

TEST_CASE("the table for the documentation has a row an option") {
  Bound o;
  const std::string table = options_markdown(o.binder);
  CHECK(
      table.find("| `--search.evaluations` | integer, between 0 and 1099511627776 | `0` | simulations to spend; 0 = by "
                 "size |\n") != std::string::npos);
  CHECK(table.find("| `--output` | text | `\"\"` | where to write |\n") != std::string::npos);
  CHECK(table.find("| `--search.method` | auto, heft, anneal | `auto` | how to place |\n") != std::string::npos);
}

TEST_CASE("an option bound twice or with a default outside its range is a defect of ours") {
  bool flag = false;
  int64_t number = 7;
  std::string word = "x";
  Binder b;
  b.flag("a", flag, "");
  CHECK_THROWS_AS(b.flag("a", flag, ""), Error);
  CHECK_THROWS_AS(b.integer("n", number, "", 0, 6), Error);
  CHECK_THROWS_AS(b.choice("c", word, "", {"y"}), Error);
}

TEST_CASE("an option that stands for others goes first, and what it gives are their defaults") {
  struct Policy {
    Policy() {
      Option& option = binder.choice("policy", name, "which", {"small", "large"});
      binder.preset(option, {"net"}, [this] { width = name == "large" ? 512 : 64, depth = name == "large" ? 8 : 2; });
      binder.section("net", "of what", [this](Binder& b) {
        b.integer("width", width, "w", 1, 1000);
        b.integer("depth", depth, "d", 1, 1000);
      });
    }
    void yaml(const std::string& text) { apply_yaml(binder, parse_yaml(text, "x.yaml")); }

    std::string name = "small";
    int64_t width = 64, depth = 2;
    Binder binder;
  };
  Policy policy;
  policy.yaml("net: {width: 2}\npolicy: large\n");
  CHECK(policy.width == 2);
  CHECK(policy.depth == 8);
  const std::string minimal = dump_yaml(policy.binder, true);
  CHECK(minimal ==
        "# which (one of small, large)\npolicy: large\n# of what\nnet:\n  # w (between 1 and 1000)\n  width: 2\n");

  // A value that is the default of another preset is told all the same.
  policy.yaml("net: {width: 64}\n");
  for (const bool is_minimal : {true, false}) {
    Policy again;
    again.yaml(dump_yaml(policy.binder, is_minimal));
    CHECK(again.width == 64);
    CHECK(again.depth == 8);
  }
  apply_set(policy.binder, "policy=small");
  CHECK(policy.width == 64);
  CHECK(policy.depth == 2);
}
