// SPDX-License-Identifier: Apache-2.0
// Several batches through a network in one pass.
#pragma once

#include <initializer_list>
#include <vector>

#include "mpl/network.h"

namespace allot::mpl {

/// Logits of each of `views`, which went through the network together so that batch statistics see the mixture; an
/// undefined tensor for those that are null.
std::vector<at::Tensor> logits_of(const Network& network, std::initializer_list<const Inputs*> views, const Pass& pass);

/// The leaves of a network, in order.
std::vector<at::Tensor> leaves_of(const Network& network);

/// The gradient of a scalar in `leaves`; undefined where it does not depend on one.
std::vector<at::Tensor> gradients_of(const at::Tensor& loss, const std::vector<at::Tensor>& leaves);

/// Running statistics as they are now, to be put back.
class SavedStatistics {
 public:
  explicit SavedStatistics(const Network& network);
  void restore() const;

 private:
  std::vector<std::pair<at::Tensor, at::Tensor>> saved_;  // the network's, a copy
};

}  // namespace allot::mpl
