// SPDX-License-Identifier: Apache-2.0
// One way to learn from labelled and unlabelled items, step by step.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "mpl/batch.h"
#include "nn/optimizer.h"
#include "nn/parameters.h"

namespace allot::mpl {

/// A network in training.
struct Learner {
  const Network& network;
  nn::Optimizer& optimizer;  // of network.parameters(), in order
};

/// Learning rates of one step.
struct Rates {
  double teacher = 0, student = 0;
};

/// What to do about a teacher whose labels have become one.
enum class Relief { reduce_scale, reset_baseline };

class Algorithm {
 public:
  virtual ~Algorithm() = default;
  /// Iteration `step` over a batch that is cut into shards: as many as the algorithm was made for, of which those of
  /// other ranks (train::own_shards) may be empty. Losses, gradients and feedback are means over all shards; batch
  /// statistics are those of each. Errors: those of the networks, the task and train::mean_over_shards.
  virtual Report step(std::span<const Batch> shards, uint32_t step, Rates rates) = 0;
  /// Changes what may have caused a collapse; false if there is nothing of the kind.
  virtual bool relieve(Relief) { return false; }
  /// What training goes on from beside networks and optimisers, sharing memory with this.
  virtual std::vector<nn::NamedTensor> state() const = 0;
};

}  // namespace allot::mpl
