// SPDX-License-Identifier: Apache-2.0
#include "nn/moment_fold.h"

#include <algorithm>
#include <cmath>

#include <ATen/ops/maximum.h>
#include <c10/core/GradMode.h>

#include "base/error.h"

namespace allot::nn {

using base::Error;
using base::ErrorKind;

MomentFold::MomentFold(Optimizer& optimizer)
    : optimizer_(optimizer), moments_(optimizer.state()), given_(optimizer.tensors().size(), false) {
  if (optimizer.options().kind != "adamw")
    throw Error(ErrorKind::config, "optimizer.kind",
                fmt::format("is {}, into whose state parts of a gradient cannot go", optimizer.options().kind),
                "choose adamw, or add gradients up first");
  if (optimizer.options().clip_norm > 0)
    throw Error(ErrorKind::config, "optimizer.clip_norm", "needs the norm of a gradient that is never there as a whole",
                "leave it 0, or add gradients up first");
  size_t next = 0;
  for (size_t i = 0; i < given_.size(); ++i) {
    place_.push_back(next);
    if (optimizer.owns(i)) next += 2;
  }
}

void MomentFold::decay_moments(size_t tensor) {
  if (given_[tensor]) return;
  given_[tensor] = true;
  if (!optimizer_.owns(tensor)) return;
  first(tensor).mul_(optimizer_.options().beta1);
  second(tensor).mul_(optimizer_.options().beta2);
}

void MomentFold::fold(size_t first_tensor, const std::vector<std::vector<at::Tensor>>& parts, int64_t groups) {
  ALLOT_ASSERT(parts.size() >= 2 && first_tensor + parts[0].size() <= given_.size());
  const at::NoGradGuard no_gradients;
  for (const auto& part : parts)
    if (!std::isfinite(norm_over(part)))
      throw Error(ErrorKind::check_failed, "gradient", "is not a finite number, after others went into the moments",
                  "choose a smaller learning rate, or add gradients up first");
  const auto& options = optimizer_.options();
  const auto r = static_cast<double>(parts.size()), k = static_cast<double>(groups);
  for (size_t i = 0; i < parts[0].size(); ++i) {
    if (!parts[0][i].defined()) continue;
    decay_moments(first_tensor + i);
    if (!optimizer_.owns(first_tensor + i)) continue;
    at::Tensor sum = parts[0][i].clone();
    for (size_t part = 1; part < parts.size(); ++part) sum.add_(parts[part][i]);
    first(first_tensor + i).add_(sum, 1 - options.beta1);
    at::Tensor squares = second(first_tensor + i);
    squares.addcmul_(sum, sum, (1 - options.beta2) * k);
    if (groups == 1) continue;
    for (const auto& part : parts) {
      const at::Tensor deviation = sum.sub(part[i], r);
      squares.addcmul_(deviation, deviation, -(1 - options.beta2) * (k - 1) / (r * (r - 1)));
    }
  }
}

void MomentFold::take(size_t tensor, const at::Tensor& gradient) {
  const at::NoGradGuard no_gradients;
  const auto& options = optimizer_.options();
  decay_moments(tensor);
  if (!optimizer_.owns(tensor)) return;
  first(tensor).add_(gradient, 1 - options.beta1);
  second(tensor).addcmul_(gradient, gradient, 1 - options.beta2);
}

void MomentFold::finish(double learning_rate) {
  const at::NoGradGuard no_gradients;
  const auto& options = optimizer_.options();
  auto* steps = moments_.back().second.mutable_data_ptr<int64_t>();
  for (size_t i = 0; i < given_.size(); ++i) {
    if (!given_[i]) continue;
    given_[i] = false;
    ++steps[i];
    if (!optimizer_.owns(i)) continue;
    const auto& trained = optimizer_.tensors()[i];
    at::Tensor parameter = trained.tensor;
    if (trained.decays && options.weight_decay != 0) parameter.mul_(1 - learning_rate * options.weight_decay);
    const auto number = static_cast<double>(steps[i]);
    const double first_share = 1 - std::pow(options.beta1, number), second_share = 1 - std::pow(options.beta2, number);
    const at::Tensor root = second(i).clamp_min_(0).sqrt().div_(std::sqrt(second_share));
    const at::Tensor scale = at::maximum(root, first(i).abs().div_(first_share)).add_(options.epsilon);
    parameter.addcdiv_(first(i), scale, -learning_rate / first_share);
  }
}

}  // namespace allot::nn
