// SPDX-License-Identifier: Apache-2.0
// How the files of a token store look: a header that says whose they are, then elements, little-endian.
#pragma once

#include <cstddef>
#include <string_view>

#include "data/token_store.h"

namespace allot::data {

inline constexpr std::string_view kTokenHeader = "\"allot.tokens/1\": elements follow, little-endian, without gaps.\n";
static_assert(kTokenHeader.size() == 64);

/// Of one token in a file.
inline size_t token_bytes(const Tokenizer& tokenizer) {
  return tokenizer.kind != "items" && tokenizer.vocabulary <= 0x10000 ? 2 : 4;
}

}  // namespace allot::data
