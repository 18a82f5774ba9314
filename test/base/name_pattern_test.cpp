// SPDX-License-Identifier: Apache-2.0
#include "base/name_pattern.h"

#include <catch2/catch.hpp>
#include <chrono>

#include "base/error.h"

using namespace allot;
using base::NamePattern;

TEST_CASE("patterns are searched anywhere in a name") {
  CHECK(NamePattern("layer.3").matches("/encoder/layer.3/MatMul"));
  CHECK(NamePattern("encoder").matches("/encoder/layer.3/MatMul"));
  CHECK_FALSE(NamePattern("^encoder").matches("/encoder/layer.3/MatMul"));
  CHECK(NamePattern("layer\\.(3|5)/").matches("/encoder/layer.5/MatMul"));
  CHECK_FALSE(NamePattern("layer\\.(3|5)/").matches("/encoder/layer.35/MatMul"));
  CHECK(NamePattern("").matches("anything"));
}

TEST_CASE("no name makes a pattern hang or overflow the stack") {
  const std::string name(1 << 20, 'a');
  const auto start = std::chrono::steady_clock::now();
  CHECK_FALSE(NamePattern("(a+)+b").matches(name));
  CHECK_FALSE(NamePattern("(a|aa)*b").matches(name));
  CHECK(NamePattern("^.*$").matches(name));
  CHECK(std::chrono::steady_clock::now() - start < std::chrono::seconds(10));
}

TEST_CASE("only the first bytes of a name count") {
  std::string name(NamePattern::kMaxName + 5, 'a');
  name.back() = 'z';
  CHECK_FALSE(NamePattern("z").matches(name));
  CHECK_FALSE(NamePattern("z$").matches(name));
}

TEST_CASE("bad expressions are configuration errors that show the expression") {
  for (const std::string& expression : {std::string("("), std::string("[a"), std::string("a{2"), std::string("(a)\\1"),
                                        std::string(NamePattern::kMaxExpression + 1, 'a')}) {
    try {
      NamePattern pattern(expression);
      FAIL("accepted " << expression);
    } catch (const base::Error& error) {
      CHECK(error.kind() == base::ErrorKind::config);
      CHECK(error.where().find(expression.substr(0, 2)) != std::string::npos);
    }
  }
}
