// SPDX-License-Identifier: Apache-2.0
#include "train/pairwise_sum.h"

#include "base/error.h"

namespace allot::train {
namespace {

void add_to(std::vector<at::Tensor>& sums, const std::vector<at::Tensor>& addends) {
  ALLOT_ASSERT(sums.size() == addends.size());
  for (size_t i = 0; i < sums.size(); ++i)
    if (addends[i].defined()) sums[i] = sums[i].defined() ? sums[i] + addends[i] : addends[i];
}

}  // namespace

void PairwiseSum::add(Block block) {
  ALLOT_ASSERT(blocks_.empty() || blocks_.back().begin + blocks_.back().size == block.begin);
  while (!blocks_.empty() && blocks_.back().size == block.size && blocks_.back().begin % (2 * block.size) == 0) {
    Block left = std::move(blocks_.back());
    blocks_.pop_back();
    add_to(left.tensors, block.tensors);
    left.size *= 2;
    block = std::move(left);
  }
  blocks_.push_back(std::move(block));
}

std::vector<at::Tensor> PairwiseSum::finish() {
  std::vector<at::Tensor> sums = std::move(blocks_.back().tensors);
  for (size_t i = blocks_.size() - 1; i-- > 0;) {
    add_to(blocks_[i].tensors, sums);
    sums = std::move(blocks_[i].tensors);
  }
  return sums;
}

}  // namespace allot::train
