// SPDX-License-Identifier: Apache-2.0
// Whole numbers as files store them.
#pragma once

#include <cstdint>
#include <string_view>

namespace allot::data {

/// Up to 8 bytes, the lowest first.
inline uint64_t little_endian(std::string_view bytes) {
  uint64_t value = 0;
  for (size_t i = bytes.size(); i-- > 0;) value = value << 8 | static_cast<unsigned char>(bytes[i]);
  return value;
}

/// Up to 8 bytes, the highest first.
inline uint64_t big_endian(std::string_view bytes) {
  uint64_t value = 0;
  for (const char byte : bytes) value = value << 8 | static_cast<unsigned char>(byte);
  return value;
}

}  // namespace allot::data
