// SPDX-License-Identifier: Apache-2.0
// Random numbers by position: who computes them, and in which order, changes nothing.
#pragma once

#include <algorithm>

#include <ATen/Parallel.h>
#include <ATen/core/Tensor.h>

#include "exec/call.h"
#include "exec/site.h"

namespace allot::exec {

/// The random bits of one node in one run.
class RandomBits {
 public:
  /// `seed` tells nodes apart that are alike but for their seeds.
  explicit RandomBits(const Call& call, float seed = 0);

  /// body(i, bits) for every i in [0, n), on all threads that torch has. The bits are those of number `first` + i.
  template <typename Body>
  void for_each(int64_t n, Body&& body, int64_t first = 0) const {
    constexpr int64_t kWords = 4, kGrain = 8192;
    const int64_t last = first + n;
    at::parallel_for(first / kWords, (last + kWords - 1) / kWords, kGrain, [&](int64_t begin, int64_t end) {
      for (int64_t block = begin; block < end; ++block) {
        const auto words = base::philox({static_cast<uint32_t>(block), static_cast<uint32_t>(block >> 32), 0, 0}, key_);
        const int64_t of_block = block * kWords;
        for (int64_t i = std::max(first, of_block); i < std::min(last, of_block + kWords); ++i)
          body(i - first, words[static_cast<size_t>(i - of_block)]);
      }
    });
  }

  /// Uniform in [0, 1): 53 bits for float64, else 24, as float32. On the CPU.
  at::Tensor uniform(at::IntArrayRef dims, at::ScalarType type) const;
  /// Standard normal, float64 if `type` is, else float32. On the CPU.
  at::Tensor normal(at::IntArrayRef dims, at::ScalarType type) const;

 private:
  std::array<uint32_t, 2> key_;
};

}  // namespace allot::exec
