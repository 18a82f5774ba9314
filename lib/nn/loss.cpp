// SPDX-License-Identifier: Apache-2.0
#include "nn/loss.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/binary_cross_entropy_with_logits.h>
#include <ATen/ops/log_softmax.h>

#include "base/error.h"

namespace allot::nn {
namespace {

at::Tensor precise(const at::Tensor& tensor) {
  return tensor.scalar_type() == at::kDouble ? tensor : tensor.to(at::kFloat);
}

/// (1 - smoothing) chosen + smoothing mean over classes.
at::Tensor smoothed(const at::Tensor& chosen, const at::Tensor& logs, double smoothing) {
  return smoothing == 0 ? -chosen : -((1 - smoothing) * chosen + smoothing * logs.mean(-1));
}

void check_labels(const at::Tensor& labels, const at::Tensor& counts, int64_t classes) {
  const at::Tensor wrong = counts.logical_and(labels.lt(0).logical_or_(labels.ge(classes)));
  if (!wrong.any().item<bool>()) return;
  throw base::Error(
      base::ErrorKind::malformed, "labels",
      fmt::format("{} is none of the {} classes", labels.masked_select(wrong)[0].item<int64_t>(), classes),
      "number classes from 0");
}

}  // namespace

at::Tensor log_probabilities(const at::Tensor& logits) { return precise(logits).log_softmax(-1); }

at::Tensor cross_entropies(const at::Tensor& logits, const at::Tensor& labels, double smoothing, int64_t ignored) {
  const at::Tensor counts = labels.ne(ignored);
  check_labels(labels, counts, logits.size(-1));
  const at::Tensor logs = log_probabilities(logits);
  const at::Tensor chosen = logs.gather(-1, (labels * counts).unsqueeze(-1)).squeeze(-1);
  return smoothed(chosen, logs, smoothing).masked_fill(counts.logical_not(), 0);
}

at::Tensor soft_cross_entropies(const at::Tensor& logits, const at::Tensor& probabilities, double smoothing) {
  const at::Tensor logs = log_probabilities(logits);
  return smoothed((precise(probabilities) * logs).sum(-1), logs, smoothing);
}

at::Tensor cross_entropy(const at::Tensor& logits, const at::Tensor& labels, double smoothing, int64_t ignored) {
  const at::Tensor losses = cross_entropies(logits, labels, smoothing, ignored);
  return losses.sum() / labels.ne(ignored).sum().clamp_min(1);
}

at::Tensor binary_cross_entropies(const at::Tensor& logits, const at::Tensor& targets) {
  const at::Tensor exact = precise(logits);
  return at::binary_cross_entropy_with_logits(exact, targets.to(exact.scalar_type()), {}, {}, 0 /* none */);
}

}  // namespace allot::nn
