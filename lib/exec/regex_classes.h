// SPDX-License-Identifier: Apache-2.0
// The classes of characters that regular expressions have names for.
#pragma once

#include <optional>
#include <string_view>
#include <utility>
#include <vector>

namespace allot::exec {

constexpr char32_t kLastCharacter = 0x10FFFF;

/// First and last character of each; ascending.
using Ranges = std::vector<std::pair<char32_t, char32_t>>;

/// All characters that are in none of `ranges`.
Ranges complement(const Ranges& ranges);
/// The class of \d, \S and the like; nullopt for other letters.
std::optional<Ranges> named_class(char32_t letter);
/// The class of [:alpha:] and the like; nullopt for other names.
std::optional<Ranges> posix_class(std::string_view name);

}  // namespace allot::exec
