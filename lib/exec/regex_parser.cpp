// SPDX-License-Identifier: Apache-2.0
#include "exec/regex_parser.h"

#include <algorithm>

#include "base/error.h"
#include "exec/regex_classes.h"
#include "exec/utf8.h"

namespace allot::exec {
namespace {

using Kind = Regex::State::Kind;
constexpr size_t kMaxStates = 10000;
constexpr int kMaxDepth = 200, kMaxRepeat = 1000;

int hex_value(char32_t c) {
  if (c >= '0' && c <= '9') return static_cast<int>(c - '0');
  if (c >= 'a' && c <= 'f') return static_cast<int>(c - 'a') + 10;
  if (c >= 'A' && c <= 'F') return static_cast<int>(c - 'A') + 10;
  return -1;
}

Regex::State split(size_t first, size_t second) {
  return {Kind::split, static_cast<int32_t>(first), static_cast<int32_t>(second)};
}
Regex::State jump(size_t way) { return {Kind::jump, static_cast<int32_t>(way), 0}; }
Regex::State assertion(Kind kind) { return {kind, 0, 0}; }

}  // namespace

void RegexParser::fail(std::string_view why) const {
  throw base::Error(base::ErrorKind::malformed, "",
                    fmt::format("pattern '{}': {} at byte {}", base::printable(all_), why, all_.size() - rest_.size()));
}

bool RegexParser::accept(std::string_view text) {
  if (!at(text)) return false;
  rest_.remove_prefix(text.size());
  return true;
}

char32_t RegexParser::next() {
  if (rest_.empty()) fail("more is expected");
  return next_character(rest_);
}

void RegexParser::append(Code& code, const Code& more) const {
  if (code.size() + more.size() > kMaxStates) fail("it has too many states");
  code.insert(code.end(), more.begin(), more.end());
}

RegexParser::Code RegexParser::parse() {
  Code code = alternatives();
  if (!rest_.empty()) fail("a parenthesis was not opened");
  return code;
}

// Each way but the last is entered by a split and left by a jump behind them all.
RegexParser::Code RegexParser::alternatives() {
  if (++depth_ > kMaxDepth) fail("it is nested too deeply");
  std::vector<Code> ways = {sequence()};
  while (accept("|")) ways.push_back(sequence());
  size_t size = ways.back().size();
  for (size_t i = 0; i + 1 < ways.size(); ++i) size += ways[i].size() + 2;
  Code code;
  for (size_t i = 0; i + 1 < ways.size(); ++i) {
    append(code, {split(1, ways[i].size() + 2)});
    append(code, ways[i]);
    append(code, {jump(size - code.size())});
  }
  append(code, ways.back());
  --depth_;
  return code;
}

RegexParser::Code RegexParser::sequence() {
  Code code;
  while (!rest_.empty() && !at("|") && !at(")")) append(code, repeated(atom()));
  return code;
}

RegexParser::Code RegexParser::atom() {
  if (at("*") || at("+") || at("?")) fail("there is nothing to repeat");
  if (accept("(")) return group();
  if (accept("[")) return bracket();
  if (accept(".")) return set_of(flags_.dot_takes_newline ? Ranges{{0, kLastCharacter}} : complement({{'\n', '\n'}}));
  if (accept("^")) return {assertion(flags_.is_multiline ? Kind::line_begin : Kind::text_begin)};
  if (accept("$")) return {assertion(flags_.is_multiline ? Kind::line_end : Kind::text_end)};
  if (accept("\\Q")) return quoted();
  if (accept("\\")) return escape();
  return character(next());
}

// Flags set inside hold to the end of the group; flags alone, as in (?i), to the end of the group around them.
RegexParser::Code RegexParser::group() {
  const Flags outer = flags_;
  if (accept("?P<") || (at("?<") && !at("?<=") && !at("?<!") && accept("?<"))) {
    const size_t end = rest_.find('>');
    if (end == std::string_view::npos || end == 0) fail("the name of a group does not end");
    rest_.remove_prefix(end + 1);
  } else if (accept("?")) {
    read_flags();
    if (accept(")")) return {};
    if (!accept(":")) fail("this kind of group does not exist");
  }
  Code code = alternatives();
  if (!accept(")")) fail("a parenthesis is not closed");
  flags_ = outer;
  return code;
}

void RegexParser::read_flags() {
  for (bool value = true; !rest_.empty() && !at(")") && !at(":");) {
    const char32_t c = next();
    if (c == '-' && value)
      value = false;
    else if (c == 'i')
      flags_.folds_case = value;
    else if (c == 'm')
      flags_.is_multiline = value;
    else if (c == 's')
      flags_.dot_takes_newline = value;
    else if (c != 'U')
      fail("this kind of group does not exist");  // which repetitions are greedy changes no full match
  }
}

RegexParser::Code RegexParser::quoted() {
  Code code;
  while (!rest_.empty() && !accept("\\E")) append(code, character(next()));
  return code;
}

RegexParser::Code RegexParser::escape() {
  const char32_t c = next();
  if (auto ranges = named_class(c)) return set_of(std::move(*ranges));
  if (c == 'A') return {assertion(Kind::text_begin)};
  if (c == 'z') return {assertion(Kind::text_end)};
  if (c == 'b') return {assertion(Kind::word_edge)};
  if (c == 'B') return {assertion(Kind::no_word_edge)};
  return character(escaped_character(c));
}

char32_t RegexParser::escaped_character(char32_t c) {
  switch (c) {
    case 'a':
      return '\a';
    case 'f':
      return '\f';
    case 't':
      return '\t';
    case 'n':
      return '\n';
    case 'r':
      return '\r';
    case 'v':
      return '\v';
    case 'p':
    case 'P':
    case 'C':
      throw base::Error(base::ErrorKind::unavailable, "", "patterns with \\p or \\C cannot be matched");
    default:
      break;
  }
  char32_t code = 0;
  if (c == '0' || (c >= '1' && c <= '7' && !rest_.empty() && rest_[0] >= '0' && rest_[0] <= '7')) {
    code = c - '0';
    for (int i = 0; i < 2 && !rest_.empty() && rest_[0] >= '0' && rest_[0] <= '7'; ++i)
      code = code * 8 + (next() - '0');
    return code;
  }
  if (c == 'x') {
    const bool has_braces = accept("{");
    for (int i = 0; has_braces ? !accept("}") : i < 2; ++i) {
      const int digit = hex_value(next());
      if (digit < 0) fail("a hexadecimal digit is expected");
      code = code * 16 + static_cast<char32_t>(digit);
      if (code > kLastCharacter) fail("there is no such character");
    }
    return code;
  }
  const bool is_plain = c < 0x80 && hex_value(c) < 0 && !(c >= 'a' && c <= 'z') && !(c >= 'A' && c <= 'Z') && c != '_';
  if (!is_plain) fail("this escape does not exist");
  return c;
}

RegexParser::Code RegexParser::set_of(Ranges ranges, bool is_negated) {
  sets_.push_back({std::move(ranges), is_negated, flags_.folds_case});
  return {{Kind::set, static_cast<int32_t>(sets_.size() - 1), 0}};
}

// Behind "[". A "]" that comes first stands for itself.
RegexParser::Code RegexParser::bracket() {
  const bool is_negated = accept("^");
  Ranges ranges;
  for (bool is_first = true; is_first || !at("]"); is_first = false) {
    if (rest_.empty()) fail("a bracket is not closed");
    if (bracket_item(ranges)) continue;
    const char32_t low = accept("\\") ? escaped_character(next()) : next();
    char32_t high = low;
    if (at("-") && !at("-]")) {
      accept("-");
      high = accept("\\") ? escaped_character(next()) : next();
    }
    if (high < low) fail("a range is empty");
    ranges.emplace_back(low, high);
  }
  accept("]");
  return set_of(std::move(ranges), is_negated);
}

// A class by name: \d or [:alpha:].
bool RegexParser::bracket_item(Ranges& ranges) {
  if (rest_.size() > 1 && rest_[0] == '\\') {
    const auto named = named_class(static_cast<unsigned char>(rest_[1]));
    if (!named) return false;
    rest_.remove_prefix(2);
    ranges.insert(ranges.end(), named->begin(), named->end());
    return true;
  }
  if (!accept("[:")) return false;
  const bool is_negated = accept("^");
  const size_t end = rest_.find(":]");
  const auto members = posix_class(rest_.substr(0, end));
  if (end == std::string_view::npos || !members) fail("there is no such class");
  rest_.remove_prefix(end + 2);
  const Ranges found = is_negated ? complement(*members) : *members;
  ranges.insert(ranges.end(), found.begin(), found.end());
  return true;
}

// {n}, {n,} or {n,m}; anything else in braces stands for itself. -1: without limit.
std::optional<std::pair<int, int>> RegexParser::counts() {
  std::string_view text = rest_;
  const auto number = [&]() -> int {
    int value = -1;
    for (; !text.empty() && text[0] >= '0' && text[0] <= '9'; text.remove_prefix(1))
      value = std::min(std::max(value, 0) * 10 + (text[0] - '0'), kMaxRepeat + 1);
    return value;
  };
  text.remove_prefix(1);
  const int least = number();
  int most = least;
  if (least >= 0 && text.starts_with(",")) {
    text.remove_prefix(1);
    most = number();
  }
  if (least < 0 || !text.starts_with("}")) return std::nullopt;
  if (least > kMaxRepeat || most > kMaxRepeat || (most >= 0 && most < least)) fail("the counts do not work");
  rest_ = text.substr(1);
  return std::pair(least, most);
}

RegexParser::Code RegexParser::repeated(const Code& code) {
  std::pair<int, int> times;
  if (accept("*"))
    times = {0, -1};
  else if (accept("+"))
    times = {1, -1};
  else if (accept("?"))
    times = {0, 1};
  else if (const auto given = at("{") ? counts() : std::nullopt)
    times = *given;
  else
    return code;
  accept("?");  // lazy ones match as much in the end
  if (at("*") || at("+") || at("?")) fail("a repetition cannot be repeated");
  const auto [least, most] = times;
  Code result;
  for (int i = 0; i < least; ++i) append(result, code);
  for (int i = least; i < most; ++i) {
    append(result, {split(1, code.size() + 1)});
    append(result, code);
  }
  if (most < 0) {
    const auto back = -static_cast<int32_t>(code.size()) - 1;
    append(result, {split(1, code.size() + 2)});
    append(result, code);
    append(result, {{Kind::jump, back, 0}});
  }
  return result;
}

}  // namespace allot::exec
