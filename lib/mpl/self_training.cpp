// SPDX-License-Identifier: Apache-2.0
#include "mpl/self_training.h"

#include <ATen/ops/bincount.h>
#include <ATen/ops/full.h>
#include <c10/core/GradMode.h>

#include <cmath>

#include "base/error.h"
#include "mpl/feedback.h"
#include "mpl/views.h"
#include "train/tensor_wire.h"

namespace allot::mpl {

SelfTraining::SelfTraining(std::string kind, Learner learner, const Network& average, const Task& task,
                           ConsistencyOptions options, double label_smoothing, uint64_t seed, int64_t unlabelled,
                           train::ShardOptions shared)
    : kind_(std::move(kind)),
      learner_(learner),
      average_(average),
      task_(task),
      options_(options),
      label_smoothing_(label_smoothing),
      seed_(seed),
      shared_(shared),
      leaves_(leaves_of(learner.network)),
      sure_of_(at::full({unlabelled}, -1, at::kLong)) {}

Report SelfTraining::step(std::span<const Batch> shards, uint32_t step, Rates rates) {
  ALLOT_ASSERT(shards.size() == shared_.shards);
  Report report;
  const SavedStatistics statistics(learner_.network);
  const double weight = kind_ == "supervised" ? 0 : options_.weight_at(step);
  std::vector<Sure> sure(shards.size());
  train::Part part = train::mean_over_shards(shared_, learner_.network.buffers(), [&](size_t shard) {
    return learn(shards[shard], step, weight, sure[shard]);
  });
  if (weight > 0) {
    report.diversity = task_.diversity(part.gradients.back());
    part.gradients.pop_back();
  }
  report.supervised_loss = part.metrics.at("supervised_loss");
  report.consistency_loss = part.metrics.at("consistency_loss");
  report.mask_rate = part.metrics.at("mask_rate");
  report.student_norm = norm(part.gradients);
  report.skipped = !std::isfinite(report.student_norm) || !std::isfinite(report.supervised_loss) ||
                   (weight > 0 && !std::isfinite(report.consistency_loss));
  if (!report.skipped) report.skipped = !learner_.optimizer.step(part.gradients, rates.student).taken;
  if (report.skipped)
    statistics.restore();
  else if (kind_ == "flexmatch" && weight > 0)
    remember(sure);
  return report;
}

/// Of one shard; behind the gradients the mean label, where unlabelled items have a weight.
train::Part SelfTraining::learn(const Batch& batch, uint32_t step, double weight, Sure& sure) const {
  const bool weak = weight > 0 && kind_ != "mean-teacher", strong = weight > 0 && kind_ != "pseudo-label";
  const auto logits =
      logits_of(learner_.network, {&batch.labelled, weak ? &batch.weak : nullptr, strong ? &batch.strong : nullptr},
                {true, true, batch.key(seed_), step});
  at::Tensor loss = shard_loss(task_, logits[0], batch.labels, label_smoothing_, batch.labelled_share);
  train::Part part{{}, {{"supervised_loss", loss.item<double>()}, {"consistency_loss", kNone}, {"mask_rate", kNone}}};
  if (weight > 0) {
    const Consistency found = agreement(batch, logits, step, sure);
    loss = loss + found.loss * (weight * batch.unlabelled_share);
    part.metrics["consistency_loss"] = found.loss.item<double>() * batch.unlabelled_share;
    part.metrics["mask_rate"] = found.mask_rate * batch.unlabelled_share;
  }
  part.gradients = gradients_of(loss, leaves_);
  if (weight > 0) {
    const at::Tensor& from = weak ? logits[1] : logits[2];
    part.gradients.push_back(mean_label(task_.soft_label(from.detach())));
  }
  return part;
}

Consistency SelfTraining::agreement(const Batch& batch, const std::vector<at::Tensor>& logits, uint32_t step,
                                    Sure& sure) const {
  if (kind_ == "mean-teacher") return squared_error(batch, logits[2], step);
  const at::Tensor& weak = logits[1];
  if (kind_ == "uda") return uda(task_, weak, logits[2], options_, batch.counted);
  const at::Tensor soft = task_.soft_label(weak.detach()), label = task_.hard_label(weak.detach());
  const at::Tensor confidence = task_.confidence(soft);
  at::Tensor kept = confidence >= options_.threshold;
  if (kind_ == "flexmatch") {
    sure = {batch.items.masked_select(kept), label.masked_select(kept)};
    kept = confidence >= flexible_thresholds(label);
  }
  return consistency(task_, kind_ == "pseudo-label" ? weak : logits[2], label, kept, batch.counted);
}

Consistency SelfTraining::squared_error(const Batch& batch, const at::Tensor& strong, uint32_t step) const {
  at::Tensor target;
  {
    const at::NoGradGuard no_gradients;
    target = task_.soft_label(average_.logits(batch.weak, {true, false, batch.key(seed_), step}));
  }
  at::Tensor errors = (task_.soft_label(strong) - target).square().sum(-1).flatten();
  if (!batch.counted.defined()) return {errors.mean(), 1};
  const at::Tensor counted = batch.counted.flatten();
  return {(errors * counted).sum() / counted.sum().clamp_min(1), 1};
}

/// A class that few items are surely of asks for less: its threshold is scaled by x / (2 - x) for the share x of its
/// count in the largest one, or in the number of items that the network is sure of nothing about while that is larger.
at::Tensor SelfTraining::flexible_thresholds(const at::Tensor& label) const {
  const at::Tensor counts = at::bincount(sure_of_ + 1, {}, label.max().item<int64_t>() + 2).to(at::kDouble);
  const at::Tensor share = counts.slice(0, 1) / counts.max().clamp_min(1);
  return (share / (2 - share)).index_select(0, label) * options_.threshold;
}

/// On every rank what all of them are sure of, in the order of shards.
void SelfTraining::remember(const std::vector<Sure>& sure) {
  dist::WireWriter mine;
  const auto [first, end] = train::own_shards(shared_);
  for (size_t shard = first; shard < end; ++shard) train::write(mine, {sure[shard].items, sure[shard].label});
  std::vector<std::string> all = {mine.take()};
  if (shared_.team) all = shared_.team->gather(std::move(all[0]));
  for (const std::string& bytes : all)
    for (dist::WireReader in(bytes); !in.at_end();) {
      const auto tensors = train::read_tensors(in);
      sure_of_.index_put_({tensors.at(0)}, tensors.at(1));
    }
}

}  // namespace allot::mpl
