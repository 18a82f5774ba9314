// SPDX-License-Identifier: Apache-2.0
// A batch in shards: micro-batches on one rank, data parallel over threads and ranks, always the same result.
#pragma once

#include <cstddef>
#include <functional>
#include <utility>
#include <vector>

#include "dist/team.h"
#include "nn/parameters.h"
#include "train/record.h"

namespace allot::train {

struct ShardOptions {
  size_t shards = 1;  // of equal size, at least one a rank
  unsigned threads = 1;
  dist::Team* team = nullptr;
};

/// The shards that this rank computes: from the first on, before the second.
std::pair<size_t, size_t> own_shards(const ShardOptions& options);

/// What a shard adds to a step.
struct Part {
  std::vector<at::Tensor> gradients;  // of its mean loss; undefined: none
  Metrics metrics;                    // of the same names in all shards
};

/// All: means over the parts of all shards. They are computed side by side, each by one thread of one rank that runs
/// torch's kernels alone, and added up along a tree over their numbers: threads and ranks change no bit of the result.
/// `statistics` are those that the body moves. Each shard finds them as they were before the step, normalises by its
/// own items as in any data-parallel training, and afterwards they are the mean of what the shards made of them. Then
/// the shards of a rank run one after the other. Errors: config for fewer shards than ranks; those of the body, of the
/// first shard that fails.
Part mean_over_shards(const ShardOptions& options, const std::vector<nn::NamedTensor>& statistics,
                      const std::function<Part(size_t shard)>& body);

}  // namespace allot::train
