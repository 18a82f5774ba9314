// SPDX-License-Identifier: Apache-2.0
// SHA-256 for what is stored, and a fast hash for tables in memory.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

namespace allot::base {

/// SHA-256 (FIPS 180-4), fed in pieces.
class Sha256 {
 public:
  Sha256();
  void add(std::string_view bytes);
  /// Adds a length before the bytes, so that ("ab", "c") and ("a", "bc") differ.
  void add_field(std::string_view bytes);
  void add_field(int64_t number);
  /// 64 lower-case hexadecimal digits. Call once.
  std::string hex();

 private:
  void block(const unsigned char* data);
  std::array<uint32_t, 8> state_;
  std::array<unsigned char, 64> pending_{};
  uint64_t length_ = 0;
};

std::string sha256(std::string_view bytes);

/// One multiply-and-fold step; good enough to mix counters and ids, not for untrusted keys.
inline uint64_t mix(uint64_t a, uint64_t b) {
  const auto product = static_cast<unsigned __int128>(a ^ 0x9E3779B97F4A7C15ull) * (b ^ 0xD1B54A32D192ED03ull);
  return static_cast<uint64_t>(product) ^ static_cast<uint64_t>(product >> 64);
}

}  // namespace allot::base
