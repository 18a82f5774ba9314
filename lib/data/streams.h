// SPDX-License-Identifier: Apache-2.0
// Who draws which random numbers: consumers never share any.
#pragma once

#include <cstdint>

namespace allot::data {

/// What a consumer's stream draws for.
enum class Use : uint32_t { order, geometry, content };

/// The stream of base::Rng for a use of a caller's stream, which is below 2^28 - 1.
constexpr uint32_t stream_of(uint32_t stream, Use use) { return stream << 4 | static_cast<uint32_t>(use); }

// What belongs to a whole dataset.
inline constexpr uint32_t kSplitStream = 0xFFFFFFF0, kGenerateStream = 0xFFFFFFF1;

}  // namespace allot::data
