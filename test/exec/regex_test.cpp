// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>

#include "base/error.h"
#include "exec/regex.h"
#include "exec/utf8.h"

using allot::base::Error;
using allot::exec::Regex;

namespace {

bool matches(std::string_view pattern, std::string_view text) { return Regex(pattern).matches(text); }

}  // namespace

TEST_CASE("regex: all of the text must match") {
  CHECK(matches("abc", "abc"));
  CHECK_FALSE(matches("abc", "abcd"));
  CHECK_FALSE(matches("b", "abc"));
  CHECK(matches("", ""));
  CHECK_FALSE(matches("", "a"));
  CHECK(matches("a|ab", "ab"));
  CHECK(matches("a|b|cd|", "cd"));
  CHECK(matches("a|b|cd|", ""));
  CHECK_FALSE(matches("a|b|cd|", "c"));
}

TEST_CASE("regex: repetitions") {
  CHECK(matches("a*", ""));
  CHECK(matches("a*b+c?", "aaabb"));
  CHECK_FALSE(matches("a+", ""));
  CHECK(matches("(ab){2,3}", "abab"));
  CHECK(matches("(ab){2,3}", "ababab"));
  CHECK_FALSE(matches("(ab){2,3}", "ab"));
  CHECK_FALSE(matches("(ab){2,3}", "abababab"));
  CHECK(matches("a{2}", "aa"));
  CHECK(matches("a{2,}", "aaaaa"));
  CHECK(matches("a{,2}", "a{,2}"));
  CHECK(matches("a{x}", "a{x}"));
  CHECK(matches("a*?b+?", "aab"));
  CHECK(matches("(a*)*", "aaa"));
  CHECK(matches("(|a)+", "aa"));
}

TEST_CASE("regex: classes and escapes") {
  CHECK(matches("[a-c]+", "abc"));
  CHECK_FALSE(matches("[^a-c]", "b"));
  CHECK(matches("[]a]+", "]a"));
  CHECK(matches("[^]]", "x"));
  CHECK(matches("[a-]+", "a-"));
  CHECK(matches("[[:alpha:]_]+", "a_Z"));
  CHECK(matches("[[:^digit:]]", "x"));
  CHECK(matches(R"(\d{3}-\w+\s\S)", "123-ab_9 !"));
  CHECK_FALSE(matches(R"([\D])", "5"));
  CHECK(matches(R"([\w.]+)", "a.b"));
  CHECK(matches(R"(\x41\x{42}\103\n\.)", "ABC\n."));
  CHECK(matches(R"(\Qa.b*\Ec)", "a.b*c"));
  CHECK_FALSE(matches(".", "\n"));
  CHECK(matches("(?s).", "\n"));
  CHECK(matches(R"((\W|^)[\w.\-]{0,25}@(yahoo|hotmail)\.com(\W|$))", "a.b@yahoo.com"));
}

TEST_CASE("regex: groups, flags and assertions") {
  CHECK(matches("(?i)hello", "HeLLo"));
  CHECK(matches("(?i:a)b", "Ab"));
  CHECK_FALSE(matches("(?i:a)b", "AB"));
  CHECK_FALSE(matches("((?i)a)b", "aB"));
  CHECK_FALSE(matches("(?i)[^a]", "A"));
  CHECK(matches("(?P<year>\\d+)(?<rest>.*)", "2024-"));
  CHECK(matches("^a$", "a"));
  CHECK(matches("(?m)a$\n^b", "a\nb"));
  CHECK_FALSE(matches("a$\nb", "a\nb"));
  CHECK(matches(R"(\bab\b c)", "ab c"));
  CHECK_FALSE(matches(R"(a\bb)", "ab"));
  CHECK(matches(R"(a\Bb)", "ab"));
}

TEST_CASE("regex: characters, not bytes") {
  CHECK(matches("..", "äß"));
  CHECK(matches("[ä-ü]", "ö"));
  CHECK(matches("(?i)ä", "Ä"));
  CHECK(matches(".", "\U0001F600"));
}

TEST_CASE("regex: what runs away elsewhere takes linear time") {
  const std::string text(200000, 'a');
  CHECK_FALSE(matches("(a+)+b", text));
  CHECK_FALSE(matches("(a|aa)*c", text));
  CHECK(matches("(a|b|ab)*", text));
}

TEST_CASE("regex: bad patterns are errors with a place") {
  for (const char* pattern :
       {"(",   ")",   "a)",    "[",      "[b-a]",  "*a",      "a**",        "a{2,1}",      "a{1001}", "\\",
        "\\8", "\\_", "(?=a)", "(?<!a)", "(?P=x)", "[[:word", "[[:none:]]", "\\x{110000}", "\\xg0",   "(?Pa)"}) {
    CAPTURE(pattern);
    CHECK_THROWS_AS(Regex(pattern), Error);
  }
  CHECK_THROWS_WITH(Regex("ab[c"), Catch::Contains("'ab[c'") && Catch::Contains("byte 4"));
  CHECK_THROWS_WITH(Regex("((a{1000}){1000}){1000}"), Catch::Contains("too many states"));
  CHECK_THROWS_WITH(Regex(std::string(5000, '(')), Catch::Contains("nested"));
  CHECK_THROWS_WITH(Regex("\\pL"), Catch::Contains("\\p"));
}

TEST_CASE("utf8: characters round trip, damage is replaced") {
  using namespace allot::exec;
  std::string text;
  const std::vector<char32_t> wanted = {'a', 0xE9, 0x20AC, 0x10FFFF};
  for (const char32_t c : wanted) append_character(text, c);
  std::string_view rest = text;
  for (const char32_t c : wanted) CHECK(next_character(rest) == c);
  CHECK(rest.empty());
  for (std::string_view bad : {"\x80", "\xC0\x80", "\xED\xA0\x80", "\xF4\x90\x80\x80", "\xE2\x82"}) {
    CHECK(next_character(bad) == 0xFFFD);
  }
  CHECK(mapped("Straße ÄÖ Ω", to_lower) == "straße äö ω");
  CHECK(mapped("éa", to_upper) == "ÉA");
}
