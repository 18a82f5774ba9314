// SPDX-License-Identifier: Apache-2.0
#include "nn/adam.h"

#include <cmath>

#include <ATen/TensorOperators.h>
#include <ATen/ops/full.h>
#include <ATen/ops/linalg_vector_norm.h>
#include <ATen/ops/zeros_like.h>
#include <c10/core/GradMode.h>

#include "base/error.h"

namespace allot::nn {

Adam::Adam(const Parameters& parameters, AdamOptions options) : parameters_(parameters), options_(options) {
  const at::NoGradGuard no_gradients;
  for (const auto& [name, tensor] : parameters.all()) {
    first_.push_back(at::zeros_like(tensor));
    second_.push_back(at::zeros_like(tensor));
  }
}

void Adam::step(std::span<const at::Tensor> gradients, double learning_rate) {
  ALLOT_ASSERT(gradients.size() == first_.size());
  const at::NoGradGuard no_gradients;
  const auto [beta1, beta2, epsilon, weight_decay] = options_;
  ++steps_;
  const auto steps = static_cast<double>(steps_);
  const double first_share = 1 - std::pow(beta1, steps), second_share = 1 - std::pow(beta2, steps);
  for (size_t i = 0; i < gradients.size(); ++i) {
    const at::Tensor& gradient = gradients[i];
    if (!gradient.defined()) continue;
    at::Tensor parameter = parameters_.all()[i].second;
    if (weight_decay != 0) parameter.mul_(1 - learning_rate * weight_decay);
    first_[i].lerp_(gradient, 1 - beta1);
    second_[i].mul_(beta2).addcmul_(gradient, gradient, 1 - beta2);
    const at::Tensor scale = second_[i].sqrt().div_(std::sqrt(second_share)).add_(epsilon);
    parameter.addcdiv_(first_[i], scale, -learning_rate / first_share);
  }
}

std::vector<NamedTensor> Adam::state() const {
  std::vector<NamedTensor> state;
  for (size_t i = 0; i < first_.size(); ++i) {
    state.emplace_back("adam.m." + parameters_.all()[i].first, first_[i]);
    state.emplace_back("adam.v." + parameters_.all()[i].first, second_[i]);
  }
  state.emplace_back("adam.steps", at::full({1}, steps_, at::kLong));
  return state;
}

void Adam::assign(const std::vector<NamedTensor>& state, const std::string& where) {
  const std::vector<NamedTensor> own = this->state();  // shares the moments; the last one is the number of steps
  copy_values(state, own, where);
  steps_ = own.back().second.const_data_ptr<int64_t>()[0];
}

double clip_norm(std::vector<at::Tensor>& gradients, double most) {
  double squares = 0;
  for (const at::Tensor& gradient : gradients) {
    if (!gradient.defined()) continue;
    const double norm = at::linalg_vector_norm(gradient, 2, std::nullopt, false, at::kDouble).item<double>();
    squares += norm * norm;
  }
  const double norm = std::sqrt(squares);
  if (std::isfinite(norm) && norm > most)
    for (at::Tensor& gradient : gradients)  // not in place: autograd's gradients may share memory
      if (gradient.defined()) gradient = gradient * (most / norm);
  return norm;
}

}  // namespace allot::nn
