// SPDX-License-Identifier: Apache-2.0
// The earliest of a fixed set of timers: a tournament tree without branches that data decides.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <vector>

namespace allot::sim {

/// Each node of the tree is the least of 8 below it, one cache line; 64 timers need two levels, 4,096 four.
class Timers {
 public:
  static constexpr int64_t kNever = std::numeric_limits<int64_t>::max();

  explicit Timers(size_t count) {
    for (size_t width = count; levels_.empty() || width > 1; width = width / kFan + (width % kFan != 0)) {
      levels_.push_back(nodes_.size());
      nodes_.resize(nodes_.size() + (width + kFan - 1) / kFan * kFan, kNever);
    }
  }

  void clear() { std::fill(nodes_.begin(), nodes_.end(), earliest_ = kNever); }

  void set(size_t timer, int64_t time) {
    int64_t* const nodes = nodes_.data();
    for (const size_t level : levels_) {
      nodes[level + timer] = time;
      timer /= kFan;
      time = least(nodes + level + timer * kFan);
    }
    earliest_ = time;
  }

  int64_t earliest() const { return earliest_; }

  /// The lowest-numbered timer at earliest(), which must not be kNever.
  size_t first() const {
    size_t timer = 0;
    for (size_t i = levels_.size(); i-- > 0;) {
      const int64_t* const eight = nodes_.data() + levels_[i] + timer * kFan;
      unsigned hits = 0;
      for (unsigned j = 0; j < kFan; ++j) hits |= static_cast<unsigned>(eight[j] == earliest_) << j;
      timer = timer * kFan + static_cast<size_t>(__builtin_ctz(hits));
    }
    return timer;
  }

 private:
  static constexpr size_t kFan = 8;
  static int64_t least(const int64_t* t) {
    return std::min(std::min(std::min(t[0], t[1]), std::min(t[2], t[3])),
                    std::min(std::min(t[4], t[5]), std::min(t[6], t[7])));
  }
  std::vector<int64_t> nodes_;  // levels one after another, leaves first
  std::vector<size_t> levels_;  // where each begins
  int64_t earliest_ = kNever;
};

}  // namespace allot::sim
