// SPDX-License-Identifier: Apache-2.0
// One way to learn from labelled and unlabelled items, step by step.
#pragma once

#include <cstdint>
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

class Algorithm {
 public:
  virtual ~Algorithm() = default;
  /// Iteration `step`. Errors: those of the networks and the task.
  virtual Report step(const Batch& batch, uint32_t step, Rates rates) = 0;
  /// What training goes on from beside networks and optimisers, sharing memory with this.
  virtual std::vector<nn::NamedTensor> state() const = 0;
};

}  // namespace allot::mpl
