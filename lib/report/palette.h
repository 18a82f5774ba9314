// SPDX-License-Identifier: Apache-2.0
// The colours that tell things apart, and what goes on where they end.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace allot::report {

constexpr size_t kColours = 16, kPatterns = 4;
constexpr size_t kLooks = kColours * kPatterns;

/// CSS classes of a number: one of sixteen colours (c0..c15), from the 17th on with a pattern in keys and bars
/// (p1..p3). 64 numbers look different; beyond, looks repeat.
std::string look(size_t number);

/// "#3f6fc4": its colour on a light or a dark ground.
std::string_view colour(size_t number, bool on_dark = false);

/// What the classes mean, light and dark: --c is the colour, --on that of text upon it, --pattern a layer over it, and
/// --angle that of hatching in its stead.
std::string palette_css();

}  // namespace allot::report
