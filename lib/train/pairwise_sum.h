// SPDX-License-Identifier: Apache-2.0
// Sums that do not depend on who computes which part of them.
#pragma once

#include <cstddef>
#include <vector>

#include <ATen/core/Tensor.h>

namespace allot::train {

/// Adds up lists of tensors, numbered from 0, along the binary tree over these numbers: two neighbouring blocks of 2^k
/// are added as soon as both are there. A part that was summed elsewhere is given as the blocks() it came to.
class PairwiseSum {
 public:
  struct Block {
    size_t begin, size;
    std::vector<at::Tensor> tensors;  // undefined: nothing
  };

  /// In ascending order, each beginning where the last one ended. Addends are not changed.
  void add(Block block);
  const std::vector<Block>& blocks() const { return blocks_; }
  /// What is left is added from the end. Call once, after at least one add().
  std::vector<at::Tensor> finish();

 private:
  std::vector<Block> blocks_;
};

}  // namespace allot::train
