// SPDX-License-Identifier: Apache-2.0
// Training one language model: on a mixture, or as the proxy that weights are found by.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "config/binder.h"
#include "data/token_store.h"
#include "dist/team.h"
#include "mixcal/feed.h"
#include "mixcal/group_dro.h"
#include "mixcal/language_model.h"
#include "mixcal/trajectory.h"
#include "nn/optimizer.h"
#include "nn/schedule.h"
#include "train/loop.h"
#include "train/shards.h"

namespace allot::mixcal {

constexpr const char* kLanguageSchema = "allot.mixcal-training/1";  // of checkpoints

struct TrainSettings {
  TrainSettings();

  ModelOptions model;
  train::LoopOptions loop;
  nn::OptimizerOptions optimizer;
  nn::Schedule schedule;
  int64_t batch = 32;       // sequences a step
  int64_t shards = 1;       // that a batch is cut into, for threads and ranks
  int64_t evaluation = 32;  // sequences of each domain

  void bind(config::Binder& binder);
};

/// Of a loss; undefined for leaves that it does not depend on.
std::vector<at::Tensor> gradients_of(const at::Tensor& loss, const std::vector<at::Tensor>& leaves);

/// What a run learns from, and by which random numbers.
struct Lesson {
  const data::TokenStore& store;
  std::vector<data::Part> parts;
  uint64_t seed = 0;
  uint32_t stream = 0;  // tells runs of one seed apart, whose sequences are to come in different orders
  unsigned threads = 1;
  dist::Team* team = nullptr;
};

/// Nats a token by domain, over up to `most` sequences of each, evenly spread over the part.
std::vector<double> evaluate(const LanguageModel& model, const data::TokenStore& store, data::Part part, int64_t most);

/// What both ways to train share.
class LanguageJob : public train::Job {
 public:
  LanguageJob(LanguageModel& model, const TrainSettings& settings, const Lesson& lesson);

  train::Evaluation evaluate() override;
  train::Checkpoint state() const override;
  void restore(const train::Checkpoint& state, const std::string& path) override;
  std::vector<nn::NamedTensor> result() const override { return model_.network().state(); }

  const std::vector<int64_t>& counts() const { return feed_.counts(); }

 protected:
  /// One step on a batch that is drawn by `weights`; the loss is the mean over tokens.
  train::StepResult step_on(const Weights& weights, int64_t step, int64_t steps);
  /// The mean over shards, then one step of the optimiser.
  train::StepResult descend(train::Part part, int64_t step, int64_t steps);
  train::ShardOptions shard_options() const;
  /// The shard's rows of a batch.
  at::Tensor rows_of(const at::Tensor& tokens, size_t shard) const;

  LanguageModel& model_;
  const TrainSettings& settings_;
  const Lesson& lesson_;
  std::vector<std::string> names_;  // of domains
  Feed feed_;
  nn::Optimizer optimizer_;
  std::vector<at::Tensor> leaves_;
};

/// Sequences are drawn by weights; the loss is the mean over tokens. For references and for what weights are used for.
class SamplingJob : public LanguageJob {
 public:
  SamplingJob(LanguageModel& model, const TrainSettings& settings, const Lesson& lesson, Weights weights)
      : LanguageJob(model, settings, lesson), weights_(std::move(weights)) {}
  train::StepResult step(int64_t step, int64_t steps) override { return step_on(weights_, step, steps); }

 private:
  Weights weights_;
};

/// The proxy of DoReMi: batches have as many sequences of each domain, whatever the weights; these weight the losses,
/// after they followed the excess over the reference in the same step. Source: specification of mixcal, 1.4.
class ProxyJob : public LanguageJob {
 public:
  /// Errors: config for a batch with fewer sequences than domains.
  ProxyJob(LanguageModel& model, const LanguageModel& reference, const TrainSettings& settings, const Lesson& lesson,
           const DroOptions& dro, int64_t steps);
  train::StepResult step(int64_t step, int64_t steps) override;
  train::Checkpoint state() const override;
  void restore(const train::Checkpoint& state, const std::string& path) override;

  const GroupDro& dro() const { return dro_; }
  /// Scores are excess losses.
  const std::vector<std::vector<double>>& trajectory() const { return trajectory_.rows(); }

 private:
  struct Forward;
  std::vector<Forward> forward(const Feed::Batch& batch);
  Excess exchange(const std::vector<Forward>& own);

  const LanguageModel& reference_;
  DroOptions options_;
  GroupDro dro_;
  Trajectory trajectory_;
};

}  // namespace allot::mixcal
