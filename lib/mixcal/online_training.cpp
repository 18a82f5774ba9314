// SPDX-License-Identifier: Apache-2.0
#include "mixcal/online_training.h"

#include <algorithm>

#include <ATen/TensorOperators.h>
#include <ATen/ops/mv.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros_like.h>
#include <c10/core/GradMode.h>

#include "mixcal/flops.h"

namespace allot::mixcal {
namespace {

at::Tensor doubles(const std::vector<double>& values) { return at::tensor(values, at::kDouble); }

/// The gradients of one leaf by all domains, one a row; zeros for those that have none. Undefined without any.
at::Tensor rows_of_leaf(const std::vector<at::Tensor>& gradients, size_t leaf, size_t leaves) {
  at::Tensor like;
  for (size_t at = leaf; at < gradients.size() && !like.defined(); at += leaves) like = gradients[at];
  if (!like.defined()) return {};
  std::vector<at::Tensor> rows;
  for (size_t at = leaf; at < gradients.size(); at += leaves)
    rows.push_back((gradients[at].defined() ? gradients[at] : at::zeros_like(like)).reshape({-1}));
  return at::stack(rows);
}

}  // namespace

train::Checkpoint OnlineJob::state() const {
  train::Checkpoint state = LanguageJob::state();
  state.add("weights.", {{"state", doubles(weights_state())}, {"trajectory", doubles(trajectory_.state())}});
  return state;
}

void OnlineJob::restore(const train::Checkpoint& state, const std::string& path) {
  LanguageJob::restore(state, path);
  for (const auto& [name, tensor] : state.with_prefix("weights.")) {
    const std::span<const double> values(tensor.const_data_ptr<double>(), static_cast<size_t>(tensor.numel()));
    if (name == "state") assign_weights(values, path);
    if (name == "trajectory") trajectory_.assign(values, names_.size());
  }
}

void OnlineJob::tell(int64_t step, const Weights& alpha, const std::vector<double>& scores, const std::string& name,
                     train::StepResult& result) {
  trajectory_.note(step, alpha, scores);
  for (size_t i = 0; i < names_.size(); ++i) {
    result.metrics["alpha." + names_[i]] = alpha[i];
    result.metrics[name + "." + names_[i]] = scores[i];
  }
  result.metrics["largest_alpha"] = *std::max_element(alpha.begin(), alpha.end());
  result.metrics["effective_domains"] = effective_domains(alpha);
}

DogeJob::DogeJob(LanguageModel& model, const TrainSettings& settings, const Lesson& lesson, const DogeOptions& options,
                 const std::vector<size_t>& targets, int64_t steps)
    : OnlineJob(model, settings, lesson, steps),
      pull_(options.pull),
      doge_(lesson.store.domains().size(), options.pull, targets) {}

/// Those of the mean loss of every domain: by domain, then by leaf. A shard adds its share of each domain's sequences.
train::Part DogeJob::gradients_by_domain(const Feed::Batch& batch) const {
  std::vector<double> rows(names_.size());
  for (const size_t domain : batch.domains) ++rows[domain];
  const auto shards = static_cast<double>(settings_.shards);
  const auto size = static_cast<size_t>(settings_.batch / settings_.shards);
  return train::mean_over_shards(shard_options(), {}, [&](size_t shard) {
    const at::Tensor tokens = rows_of(batch.tokens, shard);
    const size_t* domains = batch.domains.data() + shard * size;
    train::Part part{std::vector<at::Tensor>(names_.size() * leaves_.size()), {}};
    double total = 0;
    for (size_t first = 0, last = 0; first < size; first = last) {
      while (last < size && domains[last] == domains[first]) ++last;
      const size_t domain = domains[first];
      const at::Tensor losses =
          model_.losses(tokens.narrow(0, static_cast<int64_t>(first), static_cast<int64_t>(last - first))).mean(1);
      const at::Tensor loss = losses.sum() * (shards / rows[domain]);
      std::vector<at::Tensor> gradients = gradients_of(loss, leaves_);
      std::move(gradients.begin(), gradients.end(),
                part.gradients.begin() + static_cast<std::ptrdiff_t>(domain * leaves_.size()));
      total += losses.detach().sum(at::kDouble).item<double>();
    }
    part.metrics["loss"] = total / static_cast<double>(size);
    return part;
  });
}

train::StepResult DogeJob::step(int64_t step, int64_t steps) {
  const Feed::Batch batch = feed_.stratified(step, settings_.batch);
  train::Part parts = gradients_by_domain(batch);
  const at::NoGradGuard no_gradients;
  const size_t domains = names_.size();
  std::vector<at::Tensor> rows;
  std::vector<double> products(domains * domains);
  for (size_t leaf = 0; leaf < leaves_.size(); ++leaf) {
    rows.push_back(rows_of_leaf(parts.gradients, leaf, leaves_.size()));
    if (!rows.back().defined()) continue;
    const at::Tensor own = rows.back().matmul(rows.back().t()).to(at::kDouble).contiguous();
    for (size_t i = 0; i < products.size(); ++i) products[i] += own.const_data_ptr<double>()[i];
  }
  doge_.update(products, settings_.schedule.at(step, steps));
  const at::Tensor alpha = doubles(doge_.alpha()).to(at::kFloat);
  train::Part weighted{{}, std::move(parts.metrics)};
  for (size_t leaf = 0; leaf < leaves_.size(); ++leaf)
    weighted.gradients.push_back(rows[leaf].defined() ? at::mv(rows[leaf].t(), alpha).view_as(leaves_[leaf])
                                                      : at::Tensor());
  train::StepResult result = descend(std::move(weighted), step, steps);
  tell(step, doge_.alpha(), doge_.scores(), "alignment", result);
  return result;
}

/// Passes as in any training, and the products of gradients.
double DogeJob::flops(int64_t steps) const {
  const auto numbers = static_cast<double>(model_.numbers()), domains = static_cast<double>(names_.size());
  const double passes = 3 * row_flops(model_) * static_cast<double>(settings_.batch);
  return static_cast<double>(steps) * (passes + numbers * (2 * domains * domains + 2 * domains));
}

AioliJob::AioliJob(LanguageModel& model, const TrainSettings& settings, const Lesson& lesson,
                   const AioliOptions& options, const std::vector<size_t>& over, int64_t steps)
    : OnlineJob(model, settings, lesson, steps),
      aioli_(lesson.store.domains().size(), options, steps, lesson.seed, over) {}

train::StepResult AioliJob::step(int64_t step, int64_t steps) {
  if (aioli_.looks_before(step))
    aioli_.observe(step, mixcal::evaluate(model_, lesson_.store, data::Part::validation, settings_.evaluation));
  train::StepResult result = step_on(aioli_.mix(step), step, steps);
  aioli_.count(step);
  tell(step, aioli_.alpha(), aioli_.effects(), "effect", result);
  return result;
}

/// Passes as in any training, and the looks at validation losses.
double AioliJob::flops(int64_t steps) const {
  const auto domains = static_cast<double>(names_.size());
  const double looks = static_cast<double>(aioli_.looks() * settings_.evaluation) * domains;
  return row_flops(model_) * (3 * static_cast<double>(steps * settings_.batch) + looks);
}

}  // namespace allot::mixcal
