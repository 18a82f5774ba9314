// SPDX-License-Identifier: Apache-2.0
#include "contrast/whole_batch.h"

#include <cmath>

#include <ATen/ops/tensor.h>
#include <c10/core/GradMode.h>
#include <torch/csrc/autograd/autograd.h>

namespace allot::contrast {

StepGradient whole_batch(const Towers& towers, const Batch& batch, const Temperature& temperature,
                         const LossOptions& loss, uint64_t seed, uint32_t step, bool wide_loss) {
  const at::AutoGradMode records(true);
  const auto embed = [&](Side side) {
    Pass pass;
    pass.training = pass.second = true;
    pass.seed = seed_of(side, seed);
    pass.step = step;
    const at::Tensor rows = towers.of(side).embed(batch.inputs(side, 0, batch.rows(side)), pass);
    return wide_loss ? rows.to(at::kDouble) : rows;
  };
  Similarity s;
  s.first = embed(Side::first);
  s.second = embed(Side::second);
  s.pairs = batch.pairs();
  s.first_group = batch.groups(Side::first);
  s.second_group = batch.groups(Side::second);
  const at::Tensor log_scale = at::tensor(temperature.log_scale, at::kDouble).set_requires_grad(true);
  const at::Tensor bias = at::tensor(temperature.bias, at::kDouble).set_requires_grad(true);
  const at::ScalarType type = s.first.scalar_type();
  const at::Tensor value = plain_loss(s, log_scale.exp().to(type), bias.to(type), loss);
  std::vector<at::Tensor> leaves = towers.first.trains() ? towers.first.network().leaves() : std::vector<at::Tensor>();
  const size_t of_first = leaves.size();
  if (!towers.tied() && towers.second.trains())
    for (const at::Tensor& leaf : towers.second.network().leaves()) leaves.push_back(leaf);
  leaves.push_back(log_scale);
  leaves.push_back(bias);
  auto gradients = torch::autograd::grad({value}, leaves, {}, std::nullopt, false, /*allow_unused=*/true);
  StepGradient result;
  result.loss = value.item<double>();
  if (gradients.back().defined()) result.bias = gradients.back().item<double>();
  gradients.pop_back();
  result.log_scale = gradients.back().item<double>();
  gradients.pop_back();
  const auto middle = gradients.begin() + static_cast<ptrdiff_t>(of_first);
  result.first.assign(gradients.begin(), middle);
  result.second.assign(middle, gradients.end());
  return result;
}

}  // namespace allot::contrast
