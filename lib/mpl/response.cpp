// SPDX-License-Identifier: Apache-2.0
#include "mpl/response.h"

#include <ATen/ops/zeros.h>

#include <algorithm>
#include <cmath>

#include "base/error.h"

namespace allot::mpl {
namespace {

/// Of m / (sqrt(v) + epsilon), both without what they lack at the start, in the gradient: v held constant.
Gradients adam_preconditioner(const nn::Optimizer& optimizer) {
  const nn::OptimizerOptions& options = optimizer.options();
  const auto state = optimizer.state();
  const auto slot = [&](const std::string& key) {
    const auto found = std::find_if(state.begin(), state.end(), [&](const auto& named) { return named.first == key; });
    ALLOT_ASSERT(found != state.end());
    return found->second;
  };
  const at::Tensor steps = slot("adamw.steps");
  Gradients result;
  for (size_t i = 0; i < optimizer.tensors().size(); ++i) {
    const auto number = static_cast<double>(steps.const_data_ptr<int64_t>()[i]);
    const double first_share = 1 - std::pow(options.beta1, number), second_share = 1 - std::pow(options.beta2, number);
    if (number == 0) {  // it never had a gradient
      result.push_back(at::zeros({}));
      continue;
    }
    const at::Tensor scale = slot("adamw.v." + optimizer.tensors()[i].name).div(second_share).sqrt_();
    result.push_back(scale.add_(options.epsilon).reciprocal_().mul_((1 - options.beta1) / first_share));
  }
  return result;
}

}  // namespace

Gradients Response::along(const Gradients& v) const {
  if (preconditioner.empty()) return v;
  Gradients result;
  for (size_t i = 0; i < v.size(); ++i) result.push_back(v[i].defined() ? v[i] * preconditioner[i] : at::Tensor());
  return result;
}

Response response_of(const nn::Optimizer& optimizer, const nn::StepReport& step, double learning_rate) {
  const nn::OptimizerOptions& options = optimizer.options();
  const double factor = learning_rate * step.clip_factor;
  if (options.kind == "sgd") return {options.nesterov ? factor * (1 + options.momentum) : factor, {}};
  if (options.kind == "adamw") return {factor, adam_preconditioner(optimizer)};
  throw base::Error(base::ErrorKind::config, "--feedback",
                    fmt::format("counts on steps that follow gradients, which those of {} do not", options.kind),
                    "use cos or fd, or train the student by sgd or adamw");
}

}  // namespace allot::mpl
