// SPDX-License-Identifier: Apache-2.0
#include "base/unicode.h"

#include <algorithm>
#include <iterator>

#include "base/unicode_ranges.h"

namespace allot::base {
namespace {

template <size_t N>
bool is_in(const uint32_t (&ranges)[N][2], char32_t c) {
  const auto after = std::upper_bound(std::begin(ranges), std::end(ranges), c,
                                      [](char32_t point, const uint32_t(&range)[2]) { return point < range[0]; });
  return after != std::begin(ranges) && c <= (*std::prev(after))[1];
}

}  // namespace

bool is_letter(char32_t c) {
  if (c < 0x80) return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
  return is_in(kLetterRanges, c);
}

bool is_number(char32_t c) {
  if (c < 0x80) return c >= '0' && c <= '9';
  return is_in(kNumberRanges, c);
}

bool is_white_space(char32_t c) {
  if (c < 0x80) return c == ' ' || (c >= 0x09 && c <= 0x0D);
  return c == 0x85 || c == 0xA0 || c == 0x1680 || (c >= 0x2000 && c <= 0x200A) || c == 0x2028 || c == 0x2029 ||
         c == 0x202F || c == 0x205F || c == 0x3000;
}

}  // namespace allot::base
