// SPDX-License-Identifier: Apache-2.0
#include "mpl/self_training.h"

#include <ATen/ops/bincount.h>
#include <ATen/ops/full.h>
#include <c10/core/GradMode.h>

#include <cmath>

#include "mpl/feedback.h"
#include "mpl/views.h"

namespace allot::mpl {

SelfTraining::SelfTraining(std::string kind, Learner learner, const Network& average, const Task& task,
                           ConsistencyOptions options, double label_smoothing, uint64_t seed, int64_t unlabelled)
    : kind_(std::move(kind)),
      learner_(learner),
      average_(average),
      task_(task),
      options_(options),
      label_smoothing_(label_smoothing),
      seed_(seed),
      leaves_(leaves_of(learner.network)),
      sure_of_(at::full({unlabelled}, -1, at::kLong)) {}

Report SelfTraining::step(const Batch& batch, uint32_t step, Rates rates) {
  Report report;
  const SavedStatistics statistics(learner_.network);
  const double weight = kind_ == "supervised" ? 0 : options_.weight_at(step);
  const bool weak = weight > 0 && kind_ != "mean-teacher", strong = weight > 0 && kind_ != "pseudo-label";
  const auto logits =
      logits_of(learner_.network, {&batch.labelled, weak ? &batch.weak : nullptr, strong ? &batch.strong : nullptr},
                {true, true, seed_, step});
  at::Tensor loss = task_.loss(logits[0], batch.labels, label_smoothing_);
  report.supervised_loss = loss.item<double>();
  if (weight > 0) loss = loss + agreement(batch, logits, step, report) * weight;
  const Gradients gradients = gradients_of(loss, leaves_);
  report.student_norm = norm(gradients);
  report.skipped = !std::isfinite(report.student_norm) || !std::isfinite(loss.item<double>());
  if (!report.skipped) report.skipped = !learner_.optimizer.step(gradients, rates.student).taken;
  if (report.skipped) statistics.restore();
  return report;
}

at::Tensor SelfTraining::agreement(const Batch& batch, const std::vector<at::Tensor>& logits, uint32_t step,
                                   Report& report) {
  const at::Tensor& weak = logits[1];
  Consistency found;
  if (kind_ == "mean-teacher") {
    found = squared_error(batch, logits[2], step);
  } else if (kind_ == "uda") {
    found = uda(task_, weak, logits[2], options_, batch.counted);
  } else {
    const at::Tensor soft = task_.soft_label(weak.detach()), label = task_.hard_label(weak.detach());
    const at::Tensor confidence = task_.confidence(soft);
    const at::Tensor kept = kind_ == "flexmatch" ? confidence >= flexible_thresholds(label, confidence, batch.items)
                                                 : confidence >= options_.threshold;
    found = consistency(task_, kind_ == "pseudo-label" ? weak : logits[2], label, kept, batch.counted);
  }
  report.diversity = task_.diversity(task_.soft_label((weak.defined() ? weak : logits[2]).detach()));
  report.consistency_loss = found.loss.item<double>();
  report.mask_rate = found.mask_rate;
  return found.loss;
}

Consistency SelfTraining::squared_error(const Batch& batch, const at::Tensor& strong, uint32_t step) const {
  at::Tensor target;
  {
    const at::NoGradGuard no_gradients;
    target = task_.soft_label(average_.logits(batch.weak, {true, false, seed_, step}));
  }
  at::Tensor errors = (task_.soft_label(strong) - target).square().sum(-1).flatten();
  if (!batch.counted.defined()) return {errors.mean(), 1};
  const at::Tensor counted = batch.counted.flatten();
  return {(errors * counted).sum() / counted.sum().clamp_min(1), 1};
}

/// A class that few items are surely of asks for less: its threshold is scaled by x / (2 - x) for the share x of its
/// count in the largest one, or in the number of items that the network is sure of nothing about while that is larger.
at::Tensor SelfTraining::flexible_thresholds(const at::Tensor& label, const at::Tensor& confidence,
                                             const at::Tensor& items) {
  const at::Tensor sure = confidence >= options_.threshold;
  sure_of_.index_put_({items.masked_select(sure)}, label.masked_select(sure));
  const at::Tensor counts = at::bincount(sure_of_ + 1, {}, label.max().item<int64_t>() + 2).to(at::kDouble);
  const at::Tensor share = counts.slice(0, 1) / counts.max().clamp_min(1);
  return (share / (2 - share)).index_select(0, label) * options_.threshold;
}

}  // namespace allot::mpl
