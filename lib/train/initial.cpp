// SPDX-License-Identifier: Apache-2.0
#include "train/initial.h"

#include <cmath>
#include <vector>

#include <ATen/ops/tensor.h>
#include <c10/core/GradMode.h>

#include "base/rng.h"

namespace allot::train {

void draw_glorot(const Network& network, uint64_t seed, uint32_t stream, uint32_t role) {
  const at::NoGradGuard no_gradients;
  const std::vector<at::Tensor> leaves = network.leaves();
  for (size_t i = 0; i < leaves.size(); ++i) {
    at::Tensor leaf = leaves[i];
    if (leaf.dim() < 2 || !leaf.any().item<bool>()) continue;
    const int64_t fans = leaf.numel() / leaf.size(0) + leaf.numel() / leaf.size(1);
    const double limit = std::sqrt(6.0 / static_cast<double>(fans));
    base::Rng rng(seed, stream, role, static_cast<uint32_t>(i));
    std::vector<double> values(static_cast<size_t>(leaf.numel()));
    for (double& value : values) value = limit * (2 * rng.uniform() - 1);
    leaf.copy_(at::tensor(values, at::kDouble).view(leaf.sizes()));
  }
}

}  // namespace allot::train
