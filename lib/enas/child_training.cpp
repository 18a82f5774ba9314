// SPDX-License-Identifier: Apache-2.0
#include "enas/child_training.h"

#include <cmath>
#include <unordered_map>

#include <ATen/ATen.h>
#include <torch/csrc/autograd/autograd.h>

#include "base/error.h"
#include "base/hash.h"
#include "enas/derive.h"

namespace allot::enas {
namespace {

constexpr size_t kEvaluationItems = 512;
// What the executor takes for a momentum of about 1, with which nothing new would count.
constexpr float kUsualMomentum = 0.9f;
constexpr double kFrozenMomentum = 0.9999;

/// By name of a running statistic, what its node keeps of the past.
std::unordered_map<std::string, double> momenta(const ir::Model& model) {
  std::unordered_map<std::string, double> result;
  for (const ir::Node& node : model.graph.nodes) {
    if (!node.is("BatchNormalization")) continue;
    for (size_t i = 3; i < node.inputs.size() && i < 5; ++i)
      result[std::string(node.inputs[i])] = static_cast<double>(node.float_or("momentum", kUsualMomentum));
  }
  return result;
}

}  // namespace

ChildTraining::ChildTraining(std::shared_ptr<const ir::Model> model, const Datasets& datasets,
                             const SearchOptions& options, uint64_t seed)
    : options_(options), seed_(seed), task_(task_of(options.task)), network_(std::move(model)) {
  feed_ = std::make_unique<Feed>(datasets, options.data, network_, seed);
  optimizer_ = std::make_unique<nn::Optimizer>(network_.trained(), options.learning.optimizer);
}

int64_t ChildTraining::steps_per_epoch() const {
  if (options_.steps_per_epoch > 0) return options_.steps_per_epoch;
  return std::max<int64_t>(1, static_cast<int64_t>(feed_->training_items()) / options_.learning.batch);
}

std::string ChildTraining::fingerprint() const {
  base::Sha256 hash;
  hash.add_field(feed_->fingerprint());
  if (network_.model().file) hash.add_field(network_.model().file->view());
  return hash.hex();
}

train::StepResult ChildTraining::step(int64_t step, int64_t steps) {
  const auto number = static_cast<uint32_t>(step);
  const Batch batch = feed_->training(number, static_cast<size_t>(options_.learning.batch));
  const at::Tensor loss =
      loss_of(task_, network_.logits(batch.inputs, {.training = true, .seed = seed_, .step = number}), batch.labels);
  train::StepResult result;
  result.taken = false;
  const double value = loss.item<double>();
  if (!std::isfinite(value)) return result;
  const auto gradients = torch::autograd::grad({loss}, network_.leaves(), {}, false, false, true);
  const double rate = options_.learning.schedule.at(step, steps);
  const nn::StepReport report = optimizer_->step(gradients, rate);
  result.taken = report.taken;
  result.metrics = {{"loss", value}, {"rate", rate}, {"gradient_norm", report.gradient_norm}};
  return result;
}

Tally ChildTraining::tally(const std::vector<Batch>& batches) const {
  const at::NoGradGuard no_gradients;
  Tally tally(task_, options_.perplexity_scale);
  for (const Batch& batch : batches) tally.add(network_.logits(batch.inputs), batch.labels);
  return tally;
}

train::Evaluation ChildTraining::evaluate() {
  const Tally tally = this->tally(feed_->whole_validation(kEvaluationItems));
  return {{{"loss", tally.loss()}, {tally.figure_name(), tally.figure()}}, tally.quality()};
}

ChildScores ChildTraining::scores() const {
  const Tally validation = tally(feed_->whole_validation(kEvaluationItems));
  ChildScores scores{validation.quality(), std::nan(""), validation.figure(), validation.figure_name()};
  if (!feed_->has_test()) return scores;
  const Tally test = tally(feed_->whole_test(kEvaluationItems));
  scores.test = test.quality();
  scores.figure = test.figure();
  return scores;
}

train::Checkpoint ChildTraining::state() const {
  train::Checkpoint state;
  state.metadata["schema"] = kChildSchema;
  state.add("weights.", network_.state());
  state.add("optimizer.", optimizer_->state());
  return state;
}

void ChildTraining::restore(const train::Checkpoint& state, const std::string& path) {
  const at::NoGradGuard no_gradients;
  nn::copy_values(state.with_prefix("weights."), network_.state(), path);
  optimizer_->assign(state.with_prefix("optimizer."), path);
}

ChildScores train_alone(const Supergraph& supergraph, const Child& child, const Datasets& datasets,
                        const SearchOptions& options, int64_t steps, uint64_t seed, const std::atomic<bool>* stop) {
  auto model = std::make_shared<ir::Model>(derive(supergraph, child));
  draw_weights(*model, init_scheme(supergraph.model()), seed);
  ChildTraining training(std::move(model), datasets, options, seed);
  train::LoopOptions budget;
  budget.steps = steps;
  budget.evaluate_every = 0;
  train::Loop loop(training, nullptr, budget,
                   {.schema = kChildSchema, .steps_per_epoch = training.steps_per_epoch(), .stop = stop});
  loop.run();
  return training.scores();
}

// A batch moves a statistic from s to m s + (1 - m) b: from 0 on, b follows from where it ends.
void recalibrate(const train::Network& network, const Feed& feed, const SearchOptions& options, int64_t batches) {
  const at::NoGradGuard no_gradients;
  const auto statistics = network.statistics();
  if (statistics.empty() || batches == 0) return;
  const auto momentum = momenta(network.model());
  std::vector<at::Tensor> sums;
  for (const auto& [name, tensor] : statistics) sums.push_back(at::zeros_like(tensor, at::kDouble));
  for (int64_t batch = 0; batch < batches; ++batch) {
    for (const auto& [name, tensor] : statistics) at::Tensor(tensor).zero_();
    const Batch items = feed.training(static_cast<uint32_t>(batch), static_cast<size_t>(options.learning.batch));
    network.logits(items.inputs, {.training = true});
    for (size_t i = 0; i < statistics.size(); ++i) sums[i] += statistics[i].second;
  }
  for (size_t i = 0; i < statistics.size(); ++i) {
    const auto found = momentum.find(statistics[i].first);
    const bool usual = found == momentum.end() || found->second >= kFrozenMomentum;
    const double m = usual ? static_cast<double>(kUsualMomentum) : found->second;
    at::Tensor(statistics[i].second).copy_(sums[i] / (static_cast<double>(batches) * (1 - m)));
  }
}

}  // namespace allot::enas
