// SPDX-License-Identifier: Apache-2.0
// What each kind of optimiser keeps of a tensor, and how it changes it.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "nn/optimizer.h"

namespace allot::nn {

/// One tensor in one step; the gradient is clipped.
struct TensorStep {
  at::Tensor parameter;
  const at::Tensor& gradient;
  std::span<const NamedTensor> slots;  // as OptimizerRule::slots made them
  int64_t number;                      // of this step, from 1
  double learning_rate;
  double weight_decay;  // 0 where none counts, or where the gradient has it already
  const OptimizerOptions& options;

  at::Tensor slot(size_t i) const { return slots[i].second; }
};

struct OptimizerRule {
  const char* kind;
  double beta2, epsilon;                                           // where options say 0
  bool decays_gradient;                                            // weight decay is a part of the gradient
  std::vector<NamedTensor> (*slots)(const at::Tensor& parameter);  // zeros
  void (*update)(const TensorStep& step);
};

std::span<const OptimizerRule> optimizer_rules();

}  // namespace allot::nn
