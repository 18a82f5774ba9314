// SPDX-License-Identifier: Apache-2.0
// How well encoders find pairs, and classes by their prompts.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "contrast/pair_source.h"
#include "train/record.h"

namespace allot::contrast {

/// One direction of retrieval: where a query's own candidate stands among all, from 0. Ties count against it: rank is
/// the number of candidates that are more similar, and of those as similar that come before.
/// Source: specification of contrast-train, 5.6.
struct Ranks {
  std::vector<int64_t> ranks;
  /// Share of queries whose rank is below k.
  double recall(int64_t k) const;
  double median() const;  // counted from 1
};

struct Retrieval {
  Ranks first_to_second, second_to_first;
  int64_t pairs() const { return static_cast<int64_t>(first_to_second.ranks.size()); }
  /// Mean of R@1 of both directions: what chooses the best encoders.
  double score() const;
  train::Metrics metrics() const;
};

/// Rows of both: [pairs, D]. Ranks of each row of `queries` among all of `candidates`.
Ranks rank_all(const at::Tensor& queries, const at::Tensor& candidates);

/// Embeddings of all items of a source, in evaluation mode.
at::Tensor embed_all(const Towers& towers, const PairSource& source, Side side, int64_t micro, unsigned threads);

Retrieval retrieval(const Towers& towers, const PairSource& source, int64_t micro, unsigned threads);

}  // namespace allot::contrast
