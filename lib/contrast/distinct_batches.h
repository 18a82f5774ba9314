// SPDX-License-Identifier: Apache-2.0
// Batches in which no two pairs are alike, so that none is a negative of its like.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "contrast/pair_source.h"
#include "data/sampler.h"

namespace allot::contrast {

/// Pairs of a shuffled stream, of which those that are alike a pair of the batch wait for the next one. A pair comes
/// about once an epoch: one that is drawn while it still waits is passed over.
class DistinctBatches {
 public:
  /// `by`: label, pairs are alike that have one label; content, those with equal content on a side. Both references are
  /// kept. Errors: config for pairs without labels.
  DistinctBatches(const data::Sampler& sampler, const PairSource& source, const std::string& by, int64_t batch);

  /// A function of `step` alone, which is quick for the step after the last one asked for.
  /// Errors: config where the data have too few pairs that differ.
  std::vector<int64_t> batch(int64_t step);

 private:
  std::vector<uint64_t> keys_of(int64_t item) const;
  void restart();
  std::vector<int64_t> next();

  const data::Sampler& sampler_;
  const PairSource& source_;
  const bool by_label_;
  const size_t size_;
  int64_t next_step_ = 0;
  uint64_t position_ = 0;         // in the stream
  std::vector<int64_t> waiting_;  // in the order of the stream
  std::vector<char> waits_;       // by item
};

}  // namespace allot::contrast
