// SPDX-License-Identifier: Apache-2.0
// What of an optimiser's step answers to the gradient of that step.
#pragma once

#include "mpl/feedback.h"
#include "nn/optimizer.h"

namespace allot::mpl {

/// A step moved parameters by -factor preconditioner gradient, and by what does not depend on the gradient: momentum of
/// earlier steps, weight decay.
struct Response {
  double factor = 0;         // learning rate, clip factor, 1 + momentum of Nesterov's
  Gradients preconditioner;  // elementwise, of adaptive optimisers, whose own dependence on it is left out; empty: 1

  /// preconditioner v; v itself where there is none.
  Gradients along(const Gradients& v) const;
};

/// Of the step just taken. Errors: config for optimisers without a linear response: neither sgd nor adamw.
Response response_of(const nn::Optimizer& optimizer, const nn::StepReport& step, double learning_rate);

}  // namespace allot::mpl
