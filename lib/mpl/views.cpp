// SPDX-License-Identifier: Apache-2.0
#include "mpl/views.h"

#include <ATen/ops/cat.h>
#include <c10/core/GradMode.h>
#include <torch/csrc/autograd/autograd.h>

namespace allot::mpl {

std::vector<at::Tensor> logits_of(const Network& network, std::initializer_list<const Inputs*> views,
                                  const Pass& pass) {
  std::vector<const Inputs*> present;
  for (const Inputs* view : views)
    if (view) present.push_back(view);
  std::vector<at::Tensor> result(views.size());
  if (present.empty()) return result;
  Inputs together;
  for (size_t input = 0; input < present.front()->size(); ++input) {
    std::vector<at::Tensor> parts;
    for (const Inputs* view : present) parts.push_back((*view)[input]);
    together.push_back(parts.size() == 1 ? parts.front() : at::cat(parts));
  }
  const at::Tensor logits = network.logits(together, pass);
  int64_t first = 0;
  size_t i = 0;
  for (const Inputs* view : views) {
    at::Tensor& part = result[i++];
    if (!view) continue;
    const int64_t items = view->front().size(0);
    part = present.size() == 1 ? logits : logits.narrow(0, first, items);
    first += items;
  }
  return result;
}

std::vector<at::Tensor> leaves_of(const Network& network) {
  std::vector<at::Tensor> leaves;
  for (const auto& [name, tensor] : network.parameters()) leaves.push_back(tensor);
  return leaves;
}

std::vector<at::Tensor> gradients_of(const at::Tensor& loss, const std::vector<at::Tensor>& leaves) {
  return torch::autograd::grad({loss}, leaves, {}, std::nullopt, false, true);
}

SavedStatistics::SavedStatistics(const Network& network) {
  for (const auto& [name, tensor] : network.buffers()) saved_.emplace_back(tensor, tensor.clone());
}

void SavedStatistics::restore() const {
  const at::NoGradGuard no_gradients;
  for (auto [tensor, copy] : saved_) tensor.copy_(copy);
}

}  // namespace allot::mpl
