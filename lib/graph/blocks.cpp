// SPDX-License-Identifier: Apache-2.0
#include "graph/blocks.h"

#include <unordered_map>

#include "base/hash.h"

namespace allot::graph {
namespace {

constexpr uint32_t kNever = ~uint32_t{0};
constexpr int kCandidates = 16;  // how many later positions of the same kind may start the next block

/// Hashes of all stretches of a sequence, from sums over its prefixes.
class Stretches {
 public:
  explicit Stretches(std::span<const uint64_t> kind) : sum_(kind.size() + 1), power_(kind.size() + 1, 1) {
    for (size_t i = 0; i < kind.size(); ++i) {
      sum_[i + 1] = sum_[i] * kBase + base::mix(kind[i], 1);
      power_[i + 1] = power_[i] * kBase;
    }
  }
  /// Whether the `length` positions from a and from b are alike.
  bool equal(size_t a, size_t b, size_t length) const {
    return b + length < sum_.size() && hash(a, length) == hash(b, length);
  }

 private:
  static constexpr uint64_t kBase = 0x9E3779B97F4A7C15;
  uint64_t hash(size_t begin, size_t length) const { return sum_[begin + length] - sum_[begin] * power_[length]; }
  std::vector<uint64_t> sum_, power_;
};

}  // namespace

std::vector<uint32_t> repeated_blocks(std::span<const uint64_t> kind) {
  const auto n = static_cast<uint32_t>(kind.size());
  std::vector<uint32_t> next(n, kNever);  // position of the same kind
  std::unordered_map<uint64_t, uint32_t> last;
  for (uint32_t i = n; i-- > 0;) {
    const auto [entry, is_new] = last.try_emplace(kind[i], i);
    if (!is_new) next[i] = entry->second;
    entry->second = i;
  }
  const Stretches stretches(kind);
  std::vector<uint32_t> block(n, kNever);
  uint32_t blocks = 0;
  for (uint32_t i = 0; i < n;) {
    uint32_t again = next[i];
    for (int k = 0; k < kCandidates && again != kNever && !stretches.equal(i, again, again - i); ++k)
      again = next[again];
    const uint32_t period = again == kNever ? 0 : again - i;
    if (period < 2 || !stretches.equal(i, again, period)) {
      ++i;
      continue;
    }
    do {
      for (uint32_t k = 0; k < period; ++k) block[i + k] = blocks;
      ++blocks;
      i += period;
    } while (stretches.equal(i - period, i, period));
  }
  return block;
}

}  // namespace allot::graph
