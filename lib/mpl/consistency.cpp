// SPDX-License-Identifier: Apache-2.0
#include "mpl/consistency.h"

#include <algorithm>

namespace allot::mpl {

void ConsistencyOptions::bind(config::Binder& binder) {
  binder.number("weight", weight, "of agreement between two views of an unlabelled item", 0, 1e6);
  binder.number("temperature", temperature, "of what the weak view predicts, as a target", 1e-3, 1e3);
  binder.number("threshold", threshold, "how sure that must be", 0, 1);
  binder.integer("ramp", ramp, "steps in which the weight rises from 0", 0, int64_t{1} << 40);
}

double ConsistencyOptions::weight_at(uint64_t step) const {
  return ramp > 0 ? weight * std::min(1.0, static_cast<double>(step) / static_cast<double>(ramp)) : weight;
}

Consistency consistency(const Task& task, const at::Tensor& strong, const at::Tensor& target, const at::Tensor& kept,
                        const at::Tensor& counted) {
  const at::Tensor losses = task.losses(strong, target);
  const at::Tensor mask = counted.defined() ? kept.logical_and(counted.flatten()) : kept;
  const double items =
      counted.defined() ? std::max(1.0, counted.sum().item<double>()) : static_cast<double>(losses.numel());
  return {(losses * mask).sum() / items, mask.sum().item<double>() / items};
}

Consistency uda(const Task& task, const at::Tensor& weak, const at::Tensor& strong, const ConsistencyOptions& options,
                const at::Tensor& counted) {
  const at::Tensor target = task.soft_label(weak.detach(), options.temperature);
  return consistency(task, strong, target, task.confidence(target) >= options.threshold, counted);
}

}  // namespace allot::mpl
