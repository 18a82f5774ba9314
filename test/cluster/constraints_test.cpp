// SPDX-License-Identifier: Apache-2.0
#include "cluster/constraints.h"

#include <cstdio>
#include <filesystem>
#include <fstream>

#include <unistd.h>
#include <catch2/catch.hpp>

#include "base/error.h"

using namespace allot::cluster;
using allot::base::Error;
using allot::base::ErrorKind;

namespace {

Constraints from(const std::string& text) {
  const auto path = std::filesystem::temp_directory_path() / ("allot-constraints-" + std::to_string(::getpid()));
  std::ofstream(path) << text;
  struct Remove {
    std::filesystem::path path;
    ~Remove() { std::filesystem::remove(path); }
  } remove{path};
  return load_constraints(path.string());
}

std::string error_of(const std::string& text) {
  try {
    from(text);
  } catch (const Error& error) {
    CHECK(error.kind() == ErrorKind::config);
    return error.what();
  }
  return "";
}

const std::string kHead = "schema: allot.constraints/1\n";

}  // namespace

TEST_CASE("constraints are read as written") {
  const Constraints c = from(kHead +
                             "pin: [{match: ^embed, device: cpu0}]\n"
                             "deny: [{match: 'Attention|MatMul', devices: [cpu0, cpu1]}]\n"
                             "colocate: [[layer0, layer1], ['^x$']]\n");
  REQUIRE(c.pin.size() == 1);
  CHECK(c.pin[0].pattern == "^embed");
  CHECK(c.pin[0].devices == std::vector<std::string>{"cpu0"});
  REQUIRE(c.deny.size() == 1);
  CHECK(c.deny[0].devices == std::vector<std::string>{"cpu0", "cpu1"});
  CHECK(c.colocate == std::vector<std::vector<std::string>>{{"layer0", "layer1"}, {"^x$"}});
  CHECK(from(kHead).pin.empty());
}

TEST_CASE("bad constraints name line and remedy") {
  const std::pair<std::string, const char*> cases[] = {
      {"", "is not a constraints file; begin it with schema: allot.constraints/1"},
      {"schema: allot.cluster/1\n", "is not a constraints file"},
      {kHead + "pins: []\n", ":2: unknown key 'pins'; did you mean 'pin'?"},
      {kHead + "pin:\n  - {mach: x, device: a}\ndeny:\n  - {match: x, device: a}\n",
       ":3: unknown keys 'mach' (did you mean 'match'?), 'device' in line 5 (did you mean 'devices'?)"},
      {kHead + "pin: [{match: '(', device: a}]\n", ":2: match: pattern '(' is not a valid expression"},
      {kHead + "pin: [{match: '(a)\\1', device: a}]\n", "is not a valid expression"},
      {kHead + "pin: [{match: 'a{1000}{1000}', device: a}]\n", "is not a valid expression"},
      {kHead + "pin: [{match: '" + std::string(100'000, '(') + "', device: a}]\n", "is longer than 1000 bytes"},
      {kHead + "pin: [{match: x}]\n", ":2: [0]: 'device' is missing"},
      {kHead + "pin: {match: x}\n", ":2: pin: expects a list, not a map"},
      {kHead + "deny: [{match: x, devices: []}]\n", ":2: devices: is empty"},
      {kHead + "colocate: [[]]\n", ":2: [0]: is empty"},
      {kHead + "colocate: [[[a]]]\n", ":2: [0]: expects a single value, not a list"},
  };
  for (const auto& [text, part] : cases) {
    INFO(text.substr(0, 100));
    CHECK(error_of(text).find(part) != std::string::npos);
  }
}
