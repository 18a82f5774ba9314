// SPDX-License-Identifier: Apache-2.0
// A learner as it was before a step, for steps that turn out to be bad afterwards.
#pragma once

#include <utility>
#include <vector>

#include "mpl/algorithm.h"

namespace allot::mpl {

class Undo {
 public:
  /// The learner's network and optimiser must outlive it. Memory for their state is taken once.
  explicit Undo(const Learner& learner);

  /// Takes parameters, running statistics and the optimiser's state as they are now.
  void keep();
  /// Puts back what was kept.
  void restore() const;
  /// The kept parameters, in order.
  const std::vector<at::Tensor>& parameters() const { return parameters_; }

 private:
  std::vector<std::pair<at::Tensor, at::Tensor>> tensors_;  // the learner's, a copy
  std::vector<at::Tensor> parameters_;                      // copies among these
};

}  // namespace allot::mpl
