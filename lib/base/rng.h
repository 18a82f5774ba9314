// SPDX-License-Identifier: Apache-2.0
// Counter-based random numbers: a value depends on its key alone, never on who drew before.
#pragma once

#include <array>
#include <cstdint>

namespace allot::base {

/// Philox4x32-10 of one 128-bit counter under a 64-bit key.
/// After: Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011, section 4.3.
std::array<uint32_t, 4> philox(std::array<uint32_t, 4> counter, std::array<uint32_t, 2> key);

/// The stream of numbers that belongs to (seed, stream, step, item). `stream` names the consumer, so that two
/// of them never share numbers; draws advance a private counter.
class Rng {
 public:
  explicit Rng(uint64_t seed, uint32_t stream = 0, uint32_t step = 0, uint32_t item = 0);

  uint32_t next_u32();
  uint64_t next_u64();
  /// Uniform in [0, bound), without bias; bound > 0.
  uint32_t below(uint32_t bound);
  /// Uniform in [0, 1) with 53 bits.
  double uniform();
  /// Standard normal (Box and Muller).
  double normal();

 private:
  std::array<uint32_t, 2> key_;
  std::array<uint32_t, 4> counter_;
  std::array<uint32_t, 4> block_{};
  unsigned used_ = 4;
};

}  // namespace allot::base
