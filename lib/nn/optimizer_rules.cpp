// SPDX-License-Identifier: Apache-2.0
#include "nn/optimizer_rules.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include <ATen/ops/linalg_vector_norm.h>
#include <ATen/ops/sign.h>
#include <ATen/ops/zeros.h>
#include <ATen/ops/zeros_like.h>

namespace allot::nn {
namespace {

double length_of(const at::Tensor& tensor) { return at::linalg_vector_norm(tensor).item<double>(); }

double root_mean_square(const at::Tensor& tensor) {
  return length_of(tensor) / std::sqrt(static_cast<double>(std::max<int64_t>(1, tensor.numel())));
}

std::vector<NamedTensor> momentum(const at::Tensor& parameter) { return {{"momentum", at::zeros_like(parameter)}}; }

std::vector<NamedTensor> moments(const at::Tensor& parameter) {
  return {{"m", at::zeros_like(parameter)}, {"v", at::zeros_like(parameter)}};
}

void shrink(const TensorStep& step) {
  if (step.weight_decay != 0) step.parameter.mul_(1 - step.learning_rate * step.weight_decay);
}

/// Polyak, 1964; Nesterov's form as in Sutskever et al., ICML 2013.
void follow(const TensorStep& step, const at::Tensor& gradient) {
  const auto& [momentum, nesterov] = std::pair(step.options.momentum, step.options.nesterov);
  if (momentum == 0) {
    step.parameter.add_(gradient, -step.learning_rate);
    return;
  }
  step.slot(0).mul_(momentum).add_(gradient);
  if (nesterov) step.parameter.add_(gradient, -step.learning_rate);
  step.parameter.add_(step.slot(0), -step.learning_rate * (nesterov ? momentum : 1));
}

void sgd(const TensorStep& step) { follow(step, step.gradient); }

/// You, Gitman, Ginsburg, 2017, algorithm 1. What does not decay is not scaled, either.
void lars(const TensorStep& step) {
  at::Tensor gradient = step.gradient;
  if (step.weight_decay != 0) gradient = gradient.add(step.parameter, step.weight_decay);
  const double weights = length_of(step.parameter);
  const double all = length_of(step.gradient) + step.weight_decay * weights + step.options.epsilon;
  const bool scales = step.parameter.dim() > 1 && weights > 0;
  follow(step, scales ? gradient * (step.options.trust * weights / all) : gradient);
}

/// Both moments with what they lack at the start: the direction of Adam is m / (sqrt(v) + epsilon).
struct Moments {
  at::Tensor first, scale;
  double first_share;
};

Moments renew_moments(const TensorStep& step) {
  const auto& options = step.options;
  const auto number = static_cast<double>(step.number);
  step.slot(0).lerp_(step.gradient, 1 - options.beta1);
  step.slot(1).mul_(options.beta2).addcmul_(step.gradient, step.gradient, 1 - options.beta2);
  const double second_share = 1 - std::pow(options.beta2, number);
  return {step.slot(0), step.slot(1).sqrt().div_(std::sqrt(second_share)).add_(options.epsilon),
          1 - std::pow(options.beta1, number)};
}

/// Kingma, Ba, ICLR 2015, algorithm 1, with decoupled weight decay: Loshchilov, Hutter, ICLR 2019.
void adamw(const TensorStep& step) {
  shrink(step);
  const Moments moments = renew_moments(step);
  step.parameter.addcdiv_(moments.first, moments.scale, -step.learning_rate / moments.first_share);
}

/// You et al., ICLR 2020, algorithm 2, norms as they are.
void lamb(const TensorStep& step) {
  const Moments moments = renew_moments(step);
  at::Tensor direction = moments.first.div(moments.scale).div_(moments.first_share);
  if (step.weight_decay != 0) direction.add_(step.parameter, step.weight_decay);
  const double weights = length_of(step.parameter), length = length_of(direction);
  const double ratio = weights > 0 && length > 0 ? weights / length : 1;
  step.parameter.add_(direction, -step.learning_rate * ratio);
}

/// Chen et al., NeurIPS 2023, algorithm 2.
void lion(const TensorStep& step) {
  shrink(step);
  step.parameter.add_(step.slot(0).lerp(step.gradient, 1 - step.options.beta1).sign_(), -step.learning_rate);
  step.slot(0).lerp_(step.gradient, 1 - step.options.beta2);
}

std::vector<NamedTensor> factored(const at::Tensor& parameter) {
  if (parameter.dim() < 2) return {{"v", at::zeros_like(parameter)}};
  auto rows = parameter.sizes().vec(), columns = rows;
  rows.back() = 1;
  columns[columns.size() - 2] = 1;
  return {{"row", at::zeros(rows, parameter.options())}, {"column", at::zeros(columns, parameter.options())}};
}

/// Mean of squares along a dimension, which stays with size 1.
at::Tensor mean_square(const at::Tensor& tensor, int64_t dim) {
  return at::linalg_vector_norm(tensor, 2, dim, true).square_().div_(tensor.size(dim));
}

/// Shazeer, Stern, ICML 2018, algorithm 4 (steps relative to the parameter's size) without momentum; the learning rate
/// bounds 1 / sqrt(step) from above, as in PyTorch.
void adafactor(const TensorStep& step) {
  constexpr double kDecay = -0.8, kLeastSize = 1e-3, kMostUpdate = 1;
  const double tiny = step.parameter.scalar_type() == at::kDouble ? std::numeric_limits<double>::epsilon()
                                                                  : std::numeric_limits<float>::epsilon();
  const auto number = static_cast<double>(step.number);
  const double share = std::pow(number, kDecay);
  const double rate =
      std::max(kLeastSize, root_mean_square(step.parameter)) * std::min(step.learning_rate, 1 / std::sqrt(number));
  shrink(step);
  at::Tensor variance;
  if (step.parameter.dim() > 1) {
    step.slot(0).lerp_(mean_square(step.gradient, -1), share);
    step.slot(1).lerp_(mean_square(step.gradient, -2), share);
    variance = step.slot(0).mul(step.slot(1)).div_(step.slot(0).mean(-2, true).clamp_min_(tiny));
  } else {
    step.slot(0).lerp_(step.gradient.square(), share);
    variance = step.slot(0).clone();
  }
  const at::Tensor update = variance.clamp_min_(tiny * tiny).rsqrt_().mul_(step.gradient);
  step.parameter.add_(update, -rate / std::max(1.0, root_mean_square(update) / kMostUpdate));
}

std::vector<NamedTensor> factored_with_momentum(const at::Tensor& parameter) {
  std::vector<NamedTensor> slots = factored(parameter);
  slots.emplace_back("m", at::zeros(parameter.sizes(), parameter.options().dtype(at::kBFloat16)));
  return slots;
}

/// AdaFactor's factored second moment under beta2, updates clipped to a root mean square of 1, a first moment of them
/// in bfloat16, and AdamW's decay; steps are not relative to the parameter's size. Sources: Pham et al., "Combined
/// scaling", 2021, section 7; Zhai et al., "Scaling vision transformers", 2022, appendix.
void adafactorw(const TensorStep& step) {
  constexpr double kMostUpdate = 1, kLeastSquare = 1e-30;
  const auto& options = step.options;
  const bool matrix = step.parameter.dim() > 1;
  shrink(step);
  at::Tensor variance;
  if (matrix) {
    step.slot(0).lerp_(mean_square(step.gradient, -1), 1 - options.beta2);
    step.slot(1).lerp_(mean_square(step.gradient, -2), 1 - options.beta2);
    variance = step.slot(0).mul(step.slot(1)).div_(step.slot(0).mean(-2, true).clamp_min(kLeastSquare));
  } else {
    step.slot(0).lerp_(step.gradient.square(), 1 - options.beta2);
    variance = step.slot(0).clone();
  }
  const auto number = static_cast<double>(step.number);
  variance.div_(1 - std::pow(options.beta2, number));
  at::Tensor update = step.gradient / variance.sqrt_().add_(options.epsilon);
  update.div_(std::max(1.0, root_mean_square(update) / kMostUpdate));
  at::Tensor first = step.slot(matrix ? 2 : 1);
  const at::Tensor moment = first.to(update.scalar_type()).lerp_(update, 1 - options.beta1);
  first.copy_(moment);
  step.parameter.add_(moment, -step.learning_rate / (1 - std::pow(options.beta1, number)));
}

constexpr OptimizerRule kRules[] = {
    {"sgd", 0.999, 1e-8, true, momentum, sgd},
    {"adamw", 0.999, 1e-8, false, moments, adamw},
    {"adafactor", 0.999, 0, false, factored, adafactor},
    {"lion", 0.99, 1e-8, false, momentum, lion},
    {"lamb", 0.999, 1e-6, false, moments, lamb},
    {"lars", 0.999, 1e-8, false, momentum, lars},
    {"adafactorw", 0.999, 1e-8, false, factored_with_momentum, adafactorw},
};

}  // namespace

std::span<const OptimizerRule> optimizer_rules() { return kRules; }

}  // namespace allot::nn
