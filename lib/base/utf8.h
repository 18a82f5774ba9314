// SPDX-License-Identifier: Apache-2.0
// UTF-8, strictly: no overlong forms, surrogates or code points beyond U+10FFFF (RFC 3629).
#pragma once

#include <cstddef>
#include <string_view>

namespace allot::base {

/// Decodes the code point at text[i] and returns its length in bytes, or 0 where the bytes are not UTF-8.
size_t decode_utf8(std::string_view text, size_t i, char32_t& code_point);

/// Offset of the first byte that is not part of valid UTF-8, or npos.
size_t find_invalid_utf8(std::string_view text);

}  // namespace allot::base
