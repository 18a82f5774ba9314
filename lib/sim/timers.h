// SPDX-License-Identifier: Apache-2.0
// The earliest of a fixed set of timers: a tournament tree without branches that data decides.
#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <vector>

namespace allot::sim {

/// A binary tree in an array, the root at 1, the children of i at 2 i and 2 i + 1: each node is the lesser of them.
class Timers {
 public:
  static constexpr int64_t kNever = std::numeric_limits<int64_t>::max();

  explicit Timers(size_t count) : leaves_(std::bit_ceil(std::max<size_t>(count, 1))), nodes_(2 * leaves_, kNever) {}

  void clear() { std::fill(nodes_.begin(), nodes_.end(), kNever); }

  void set(size_t timer, int64_t time) {
    int64_t* const nodes = nodes_.data();
    size_t node = leaves_ + timer;
    nodes[node] = time;
    for (; node > 1; nodes[node] = time) {
      time = std::min(time, nodes[node ^ 1]);
      node /= 2;
    }
  }

  int64_t earliest() const { return nodes_[1]; }

  /// The lowest-numbered timer at earliest(), which must not be kNever.
  size_t first() const {
    const int64_t* const nodes = nodes_.data();
    size_t node = 1;
    while (node < leaves_) {
      node *= 2;
      node += nodes[node] != nodes[1];
    }
    return node - leaves_;
  }

 private:
  size_t leaves_;
  std::vector<int64_t> nodes_;
};

}  // namespace allot::sim
