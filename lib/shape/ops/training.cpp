// SPDX-License-Identifier: Apache-2.0
// ai.onnx.preview.training: optimizers and Gradient.
#include "shape/registry.h"

namespace allot::shape {
namespace {

/// Inputs: rate, step, then `groups` groups of tensors: parameters, gradients, states. Outputs: all but the gradients.
void optimizer(Context& c, size_t groups) {
  if (c.inputs() < 2 || (c.inputs() - 2) % groups != 0)
    return c.contradict("{} inputs are not a rate, a step and {} groups of tensors", c.inputs(), groups);
  const size_t n = (c.inputs() - 2) / groups;
  for (size_t o = 0; o < c.outputs(); ++o) c.copy(o, 2 + (o < n ? o : o + n));
}

void adagrad(Context& c) { optimizer(c, 3); }
void adam(Context& c) { optimizer(c, 4); }
void momentum(Context& c) { optimizer(c, 3); }

/// Each output is the derivative by one of the first inputs, in order.
void gradient(Context& c) {
  for (size_t o = 0; o < c.outputs(); ++o) c.copy(o, o);
}

constexpr Operator kOperators[] = {
    {"Adagrad", adagrad},
    {"Adam", adam},
    {"Gradient", gradient},
    {"Momentum", momentum},
};

}  // namespace

std::span<const Operator> training_operators() { return kOperators; }

}  // namespace allot::shape
