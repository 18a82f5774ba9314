// SPDX-License-Identifier: Apache-2.0
#include "exec/utf8.h"

#include <clocale>
#include <cwctype>

#include "base/utf8.h"

namespace allot::exec {
namespace {

constexpr char32_t kReplacement = 0xFFFD;

// The character type tables of Unicode, whatever the user's locale; the plain ones where the system lacks them.
locale_t unicode_locale() {
  static const locale_t kLocale = [] {
    const locale_t unicode = newlocale(LC_CTYPE_MASK, "C.UTF-8", nullptr);
    return unicode ? unicode : newlocale(LC_CTYPE_MASK, "C", nullptr);
  }();
  return kLocale;
}

}  // namespace

char32_t next_character(std::string_view& text) {
  char32_t character = 0;
  const size_t length = base::decode_utf8(text, 0, character);
  text.remove_prefix(length ? length : 1);
  return length ? character : kReplacement;
}

void append_character(std::string& text, char32_t c) {
  const auto tail = [&](int shift) { text += static_cast<char>(0x80 | (c >> shift & 0x3F)); };
  if (c < 0x80) {
    text += static_cast<char>(c);
  } else if (c < 0x800) {
    text += static_cast<char>(0xC0 | c >> 6);
    tail(0);
  } else if (c < 0x10000) {
    text += static_cast<char>(0xE0 | c >> 12);
    tail(6), tail(0);
  } else {
    text += static_cast<char>(0xF0 | c >> 18);
    tail(12), tail(6), tail(0);
  }
}

char32_t to_lower(char32_t c) { return static_cast<char32_t>(towlower_l(static_cast<wint_t>(c), unicode_locale())); }
char32_t to_upper(char32_t c) { return static_cast<char32_t>(towupper_l(static_cast<wint_t>(c), unicode_locale())); }

std::string mapped(std::string_view text, char32_t (*mapping)(char32_t)) {
  std::string result;
  while (!text.empty()) append_character(result, mapping(next_character(text)));
  return result;
}

}  // namespace allot::exec
