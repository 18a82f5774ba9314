// SPDX-License-Identifier: Apache-2.0
#include "data/word_split.h"

#include <algorithm>

#include "base/unicode.h"
#include "base/utf8.h"

namespace allot::data {
namespace {

using Kind = CharacterKind;

struct Character {
  Kind kind;
  size_t length;
};

Character character_at(std::string_view text, size_t i) {
  char32_t point = 0;
  const size_t length = base::decode_utf8(text, i, point);
  return length == 0 ? Character{Kind::other, 1} : Character{kind_of(point), length};
}

/// The end of a run of characters of one kind, of at most so many.
size_t end_of_run(std::string_view text, size_t i, Kind kind, size_t most = SIZE_MAX) {
  for (size_t count = 0; i < text.size() && count < most; ++count) {
    const Character character = character_at(text, i);
    if (character.kind != kind) break;
    i += character.length;
  }
  return i;
}

bool is_line_end(char c) { return c == '\r' || c == '\n'; }

/// The end of an ending of English after an apostrophe, or 0. Without regard to case "ſ" is an s, too.
size_t end_of_contraction(std::string_view text, size_t i, bool any_case) {
  if (text[i] != '\'') return 0;
  static constexpr std::string_view kEndings[] = {"s", "t", "re", "ve", "m", "ll", "d"};
  const std::string_view rest = text.substr(i + 1);
  for (const std::string_view ending : kEndings) {
    const bool same = std::equal(ending.begin(), ending.end(), rest.begin(),
                                 rest.begin() + static_cast<ptrdiff_t>(std::min(rest.size(), ending.size())),
                                 [&](char a, char b) { return a == (any_case && b >= 'A' && b <= 'Z' ? b + 32 : b); });
    if (same) return i + 1 + ending.size();
  }
  constexpr std::string_view kLongS = "\u017f";
  return any_case && rest.starts_with(kLongS) ? i + 1 + kLongS.size() : 0;
}

/// White space without its last character where a word follows, which that character may belong to.
size_t end_of_space(std::string_view text, size_t i) {
  size_t last = i;
  for (size_t at = i; at < text.size();) {
    const Character character = character_at(text, at);
    if (character.kind != Kind::space) return last > i ? last : at;
    last = at;
    at += character.length;
  }
  return text.size();
}

/// The place after a blank that a character of another kind than white space follows, or `i`.
size_t after_blank(std::string_view text, size_t i) {
  const bool leads = text[i] == ' ' && i + 1 < text.size() && character_at(text, i + 1).kind != Kind::space;
  return leads ? i + 1 : i;
}

size_t end_by_gpt2(std::string_view text, size_t i) {
  if (const size_t end = end_of_contraction(text, i, false); end > 0) return end;
  const size_t first = after_blank(text, i);
  const Kind kind = character_at(text, first).kind;
  return kind == Kind::space ? end_of_space(text, i) : end_of_run(text, first, kind);
}

size_t end_by_gpt4(std::string_view text, size_t i, size_t most_numbers) {
  if (const size_t end = end_of_contraction(text, i, true); end > 0) return end;
  const Character first = character_at(text, i);
  if (first.kind == Kind::letter) return end_of_run(text, i, Kind::letter);
  if (first.kind == Kind::number) return end_of_run(text, i, Kind::number, most_numbers);
  const size_t second = i + first.length;
  if (!is_line_end(text[i]) && second < text.size() && character_at(text, second).kind == Kind::letter)
    return end_of_run(text, second, Kind::letter);
  const size_t sign = after_blank(text, i);
  if (character_at(text, sign).kind == Kind::other) {
    size_t end = end_of_run(text, sign, Kind::other);
    while (end < text.size() && is_line_end(text[end])) ++end;
    return end;
  }
  const size_t line = text.substr(i, end_of_run(text, i, Kind::space) - i).find_last_of("\r\n");
  return line != text.npos ? i + line + 1 : end_of_space(text, i);
}

size_t end_by_numbers(std::string_view text, size_t i, size_t most_numbers) {
  if (character_at(text, i).kind == Kind::number) return end_of_run(text, i, Kind::number, most_numbers);
  while (i < text.size()) {
    const Character character = character_at(text, i);
    if (character.kind == Kind::number) break;
    i += character.length;
  }
  return i;
}

}  // namespace

CharacterKind kind_of(char32_t c) {
  if (base::is_letter(c)) return Kind::letter;
  if (base::is_white_space(c)) return Kind::space;
  return base::is_number(c) ? Kind::number : Kind::other;
}

std::string_view regular_expression(WordRule rule) {
  switch (rule) {
    case WordRule::gpt2:
      return R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)";
    case WordRule::gpt4:
      return R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*)"
             R"(|\s*[\r\n]+|\s+(?!\S)|\s+)";
    case WordRule::single_numbers:
      return R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*)"
             R"(|\s*[\r\n]+|\s+(?!\S)|\s+)";
    default:
      return "";
  }
}

size_t end_of_word(std::string_view text, size_t begin, WordRule rule) {
  switch (rule) {
    case WordRule::gpt2:
      return end_by_gpt2(text, begin);
    case WordRule::gpt4:
      return end_by_gpt4(text, begin, 3);
    case WordRule::single_numbers:
      return end_by_gpt4(text, begin, 1);
    case WordRule::numbers_apart:
      return end_by_numbers(text, begin, 1);
    case WordRule::runs_of_numbers:
      return end_by_numbers(text, begin, SIZE_MAX);
  }
  return text.size();
}

size_t after_space(std::string_view text, size_t begin) { return end_of_run(text, begin, Kind::space); }

size_t before_space(std::string_view text, size_t end) {
  while (end > 0) {
    size_t begin = end - 1;
    while (begin > 0 && end - begin < 4 && (static_cast<unsigned char>(text[begin]) & 0xC0) == 0x80) --begin;
    const Character character = character_at(text, begin);
    if (character.kind != Kind::space || begin + character.length != end) break;
    end = begin;
  }
  return end;
}

}  // namespace allot::data
