// SPDX-License-Identifier: Apache-2.0
// Losses: one number, or one a sample.
#include "shape/registry.h"

namespace allot::shape {
namespace {

void negative_log_likelihood(Context& c) {
  c.set_elem(0, c.elem(0));
  if (c.node().string_or("reduction", "mean") != "none") return c.set(0, c.elem(0), {});
  if (const Dims* target = c.dims(1)) c.set(0, c.elem(0), *target);
}

void softmax_cross_entropy(Context& c) {
  negative_log_likelihood(c);
  c.copy(1, 0);
}

constexpr Operator kOperators[] = {
    {"NegativeLogLikelihoodLoss", negative_log_likelihood},
    {"SoftmaxCrossEntropyLoss", softmax_cross_entropy},
};

}  // namespace

std::span<const Operator> loss_operators() { return kOperators; }

}  // namespace allot::shape
