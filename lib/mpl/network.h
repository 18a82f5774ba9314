// SPDX-License-Identifier: Apache-2.0
// A network as these algorithms see it: leaves that an optimiser changes, and outputs that depend on them.
#pragma once

#include <vector>

#include <ATen/core/Tensor.h>

#include "nn/parameters.h"

namespace allot::mpl {

/// Tensors with one row an item, in the order of a network's inputs.
using Inputs = std::vector<at::Tensor>;

/// How a network runs.
struct Pass {
  bool training = false;           // the batch's statistics, dropout
  bool update_statistics = false;  // running statistics learn from the batch
  uint64_t seed = 0;               // with `step` the key of dropout
  uint32_t step = 0;
};

class Network {
 public:
  virtual ~Network() = default;
  /// Logits as mpl::Task reads them. Gradients are recorded where torch's grad mode is on.
  virtual at::Tensor logits(const Inputs& inputs, const Pass& pass) const = 0;
  /// Leaves that ask for gradients.
  virtual const std::vector<nn::NamedTensor>& parameters() const = 0;
  /// Running statistics, which passes update in place.
  virtual const std::vector<nn::NamedTensor>& buffers() const = 0;
};

}  // namespace allot::mpl
