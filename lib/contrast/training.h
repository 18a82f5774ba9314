// SPDX-License-Identifier: Apache-2.0
// A training run of two encoders.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "contrast/distinct_batches.h"
#include "contrast/embedding_cache.h"
#include "contrast/evaluation.h"
#include "contrast/options.h"
#include "data/sampler.h"
#include "dist/team.h"
#include "nn/moment_fold.h"
#include "nn/optimizer.h"
#include "train/divided_weights.h"
#include "train/loop.h"

namespace allot::contrast {

constexpr const char* kTrainingSchema = "allot.contrast/1";

/// Of trained weights.
struct WeightBytes {
  int64_t kept = 0, most = 0;
};

class Training final : public train::Job {
 public:
  /// `team`: null where one process trains. Errors: those of TowerPair and open_pairs; config for a batch that is
  /// larger than the data, for bad micro-batches, and for what neither moments nor cached embeddings can be used with.
  Training(const TowersOptions& towers, const TrainOptions& options, uint64_t seed, unsigned threads,
           dist::Team* team = nullptr);

  train::StepResult step(int64_t step, int64_t steps) override;
  /// Retrieval on evaluation pairs; without any, nothing is chosen.
  train::Evaluation evaluate() override;
  train::Checkpoint state() const override;
  bool state_is_divided() const override { return !owners_.empty(); }
  void restore(const train::Checkpoint& state, const std::string& path) override;
  std::vector<nn::NamedTensor> result() const override;

  Towers towers() const { return towers_; }
  Temperature temperature() const;
  const PairSource& source() const { return *source_; }
  const PairSource* evaluation() const { return evaluation_.get(); }
  int64_t micro() const { return step_options_.micro; }
  int64_t steps_per_epoch() const;
  /// What the optimiser keeps on this rank.
  int64_t optimizer_bytes() const;
  /// Of trained weights that this rank kept between segments, and the most that it had at a time, in the last step.
  WeightBytes weight_bytes() const { return weight_bytes_; }
  /// Of networks and data: what a resumed run must find again.
  std::string fingerprint() const;

 private:
  void choose_micro(const TrainOptions& options);
  void open_cache(const TrainOptions& options);
  void make_optimizer(const TrainOptions& options);
  void fold_moments(const TrainOptions& options);
  void divide_weights(const TrainOptions& options);
  void make_whole() const;
  void note_weight_bytes();
  void share_changes() const;
  void refuse_unequal_parts(const char* flag, int64_t rows, int64_t micro) const;
  nn::StepReport change_weights(const StepGradient& gradient, double rate);
  std::vector<int64_t> items_of(int64_t step);

  TrainOptions options_;
  const uint64_t seed_;
  const unsigned threads_;
  TowerPair towers_;
  std::unique_ptr<PairSource> source_, evaluation_;
  std::unique_ptr<data::Sampler> sampler_;
  std::unique_ptr<DistinctBatches> distinct_;  // null: batches are the stream as it is
  StepOptions step_options_;
  at::Tensor log_scale_, bias_;  // float64 scalars
  std::unique_ptr<nn::Optimizer> optimizer_;
  std::vector<uint32_t> owners_;  // ranks, by tensor of the optimiser; empty: each keeps all
  // By tower; none: each rank has all weights. They are divided while a step runs, and until somebody else wants them.
  std::vector<std::unique_ptr<train::DividedWeights>> divided_;
  WeightBytes weight_bytes_;
  std::unique_ptr<nn::MomentFold> fold_;   // null: gradients are exact
  std::unique_ptr<EmbeddingCache> cache_;  // null: none
};

}  // namespace allot::contrast
