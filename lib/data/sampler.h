// SPDX-License-Identifier: Apache-2.0
// Which item stands where in an endless, shuffled stream: a function of its arguments, with nothing to save or resume.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "base/rng.h"

namespace allot::data {

/// A random permutation of [0, size) of which single images are cheap: a Feistel network over Philox, walked until it
/// lands within. After: Black, Rogaway, "Ciphers with arbitrary finite domains", CT-RSA 2002, method 3.
class Permutation {
 public:
  /// size > 0. One permutation for each (seed, stream, epoch).
  Permutation(uint64_t size, uint64_t seed, uint32_t stream, uint32_t epoch);
  uint64_t operator[](uint64_t index) const;

 private:
  uint64_t size_, left_, right_;  // the network works on pairs in [0, left) x [0, right)
  uint32_t rounds_;
  std::array<uint32_t, 2> key_;
  uint32_t stream_, epoch_;
};

enum class Order : uint8_t {
  shuffled,     // each epoch holds every item once, in an order of its own; a small set is so tiled over long ones
  replacement,  // every draw is independent
  stored,       // as listed, again and again: for evaluation
};

/// An endless stream of the items of a part of a dataset.
class Sampler {
 public:
  /// items: at least one. `stream` tells consumers apart, so that two of them never share numbers.
  Sampler(std::vector<int64_t> items, uint64_t seed, uint32_t stream, Order order = Order::shuffled);

  const std::vector<int64_t>& items() const { return items_; }
  /// The item at `position` of the stream.
  int64_t operator[](uint64_t position) const;
  /// Positions [first, first + out.size()). Step t of batches of B begins at t * B; a rank that does rows
  /// [a, b) of each batch asks for those of t * B + a.
  void fill(uint64_t first, std::span<int64_t> out) const;
  std::vector<int64_t> batch(uint64_t step, size_t size) const;

 private:
  uint64_t draw(uint64_t position) const;

  std::vector<int64_t> items_;
  uint64_t seed_;
  uint32_t stream_;
  Order order_;
};

}  // namespace allot::data
