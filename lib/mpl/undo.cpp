// SPDX-License-Identifier: Apache-2.0
#include "mpl/undo.h"

#include <ATen/ops/empty_like.h>
#include <c10/core/GradMode.h>

namespace allot::mpl {

Undo::Undo(const Learner& learner) {
  const at::NoGradGuard no_gradients;
  const auto add = [&](const std::vector<nn::NamedTensor>& tensors) {
    for (const auto& [name, tensor] : tensors) tensors_.emplace_back(tensor, at::empty_like(tensor));
  };
  add(learner.network.parameters());
  for (const auto& [tensor, copy] : tensors_) parameters_.push_back(copy);
  add(learner.network.buffers());
  add(learner.optimizer.state());
}

void Undo::keep() {
  const at::NoGradGuard no_gradients;
  for (auto& [tensor, copy] : tensors_) copy.copy_(tensor);
}

void Undo::restore() const {
  const at::NoGradGuard no_gradients;
  for (const auto& [tensor, copy] : tensors_) at::Tensor(tensor).copy_(copy);
}

}  // namespace allot::mpl
