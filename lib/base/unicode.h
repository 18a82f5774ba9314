// SPDX-License-Identifier: Apache-2.0
// Properties of characters, of Unicode 16.
#pragma once

namespace allot::base {

/// General categories Lu, Ll, Lt, Lm and Lo: \p{L} of regular expressions.
bool is_letter(char32_t c);
/// General categories Nd, Nl and No: \p{N}.
bool is_number(char32_t c);
/// The property White_Space: \s.
bool is_white_space(char32_t c);

}  // namespace allot::base
