// SPDX-License-Identifier: Apache-2.0
// Characters of UTF-8 text.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace allot::exec {

/// Takes the next character off `text`, which is not empty. A byte that begins none counts as U+FFFD.
char32_t next_character(std::string_view& text);
void append_character(std::string& text, char32_t character);

/// Unicode's simple case mapping, the same in every locale.
char32_t to_lower(char32_t character);
char32_t to_upper(char32_t character);

/// `mapping` of every character.
std::string mapped(std::string_view text, char32_t (*mapping)(char32_t));

}  // namespace allot::exec
