// SPDX-License-Identifier: Apache-2.0
#include "exec/regex_classes.h"

#include <array>

namespace allot::exec {
namespace {

const Ranges& digits() {
  static const Ranges kRanges = {{'0', '9'}};
  return kRanges;
}
const Ranges& spaces() {
  static const Ranges kRanges = {{'\t', '\n'}, {'\f', '\r'}, {' ', ' '}};
  return kRanges;
}
const Ranges& word_characters() {
  static const Ranges kRanges = {{'0', '9'}, {'A', 'Z'}, {'_', '_'}, {'a', 'z'}};
  return kRanges;
}

struct PosixClass {
  std::string_view name;
  Ranges ranges;
};

const std::array<PosixClass, 14>& posix_classes() {
  static const std::array<PosixClass, 14> kClasses = {{
      {"alnum", {{'0', '9'}, {'A', 'Z'}, {'a', 'z'}}},
      {"alpha", {{'A', 'Z'}, {'a', 'z'}}},
      {"ascii", {{0, 0x7F}}},
      {"blank", {{'\t', '\t'}, {' ', ' '}}},
      {"cntrl", {{0, 0x1F}, {0x7F, 0x7F}}},
      {"digit", {{'0', '9'}}},
      {"graph", {{'!', '~'}}},
      {"lower", {{'a', 'z'}}},
      {"print", {{' ', '~'}}},
      {"punct", {{'!', '/'}, {':', '@'}, {'[', '`'}, {'{', '~'}}},
      {"space", {{'\t', '\r'}, {' ', ' '}}},
      {"upper", {{'A', 'Z'}}},
      {"word", {{'0', '9'}, {'A', 'Z'}, {'_', '_'}, {'a', 'z'}}},
      {"xdigit", {{'0', '9'}, {'A', 'F'}, {'a', 'f'}}},
  }};
  return kClasses;
}

}  // namespace

Ranges complement(const Ranges& ranges) {
  Ranges result;
  char32_t from = 0;
  for (const auto& [low, high] : ranges) {
    if (low > from) result.emplace_back(from, low - 1);
    from = high + 1;
  }
  result.emplace_back(from, kLastCharacter);
  return result;
}

std::optional<Ranges> named_class(char32_t letter) {
  switch (letter) {
    case 'd':
      return digits();
    case 'D':
      return complement(digits());
    case 's':
      return spaces();
    case 'S':
      return complement(spaces());
    case 'w':
      return word_characters();
    case 'W':
      return complement(word_characters());
    default:
      return std::nullopt;
  }
}

std::optional<Ranges> posix_class(std::string_view name) {
  for (const auto& one : posix_classes())
    if (one.name == name) return one.ranges;
  return std::nullopt;
}

}  // namespace allot::exec
