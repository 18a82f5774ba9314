// SPDX-License-Identifier: Apache-2.0
// Losses that are part of a graph.
#include <limits>

#include <ATen/core/Reduction.h>
#include <ATen/ops/log_softmax.h>
#include <ATen/ops/nll_loss_nd.h>

#include "exec/check.h"
#include "exec/registry.h"

namespace allot::exec {
namespace {

// What an attribute that is not there ignores: no label has that value.
constexpr int64_t kIgnoresNothing = std::numeric_limits<int64_t>::min();

class NegativeLogLikelihood {
 public:
  explicit NegativeLogLikelihood(const Site& site) : ignored_(site.int_or("ignore_index", kIgnoresNothing)) {
    const ir::Str reduction = site.string_or("reduction", "mean");
    if (reduction == "none")
      reduction_ = at::Reduction::None;
    else if (reduction == "sum")
      reduction_ = at::Reduction::Sum;
    else if (reduction != "mean")
      site.refuse("reduction must be none, sum or mean");
  }

  at::Tensor operator()(const at::Tensor& log_probabilities, const at::Tensor& labels,
                        const at::Tensor& weights) const {
    if (log_probabilities.dim() < 2) malformed("{} has no classes", Value(log_probabilities).describe());
    return at::nll_loss_nd(log_probabilities, labels.to(at::kLong), weights, reduction_, ignored_);
  }

 private:
  int64_t ignored_, reduction_ = at::Reduction::Mean;
};

Kernel make_negative_log_likelihood_loss(const Site& site) {
  return [loss = NegativeLogLikelihood(site)](Call& call) {
    call.set(0, loss(call.in(0), call.in(1), call.in_or_none(2)));
  };
}

Kernel make_softmax_cross_entropy_loss(const Site& site) {
  return [loss = NegativeLogLikelihood(site)](Call& call) {
    if (call.in(0).dim() < 2) malformed("{} has no classes", call.value(0).describe());
    const at::Tensor log_probabilities = at::log_softmax(call.in(0), 1);
    call.set(0, loss(log_probabilities, call.in(1), call.in_or_none(2)));
    call.set(1, log_probabilities);
  };
}

constexpr Operator kOperators[] = {
    {"NegativeLogLikelihoodLoss", make_negative_log_likelihood_loss},
    {"SoftmaxCrossEntropyLoss", make_softmax_cross_entropy_loss},
};

}  // namespace

std::span<const Operator> loss_operators() { return kOperators; }

}  // namespace allot::exec
