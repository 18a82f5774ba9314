// SPDX-License-Identifier: Apache-2.0
// A training run of one algorithm with one seed.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "mpl/algorithm.h"
#include "mpl/evaluation.h"
#include "mpl/feed.h"
#include "mpl/onnx_network.h"
#include "mpl/options.h"
#include "nn/ema.h"
#include "train/collapse.h"
#include "train/loop.h"

namespace allot::mpl {

constexpr const char* kTrainingSchema = "allot.mpl/1";

/// The two files, which may be one. Algorithms without a teacher ignore it.
struct Files {
  std::string teacher, student;
};

class Training final : public train::Job {
 public:
  /// Errors: those of train::Network, Feed and MetaPseudoLabels; malformed when teacher, student and labels do not
  /// agree in inputs or classes.
  /// config for batches that cannot be cut into so many shards. With a team every rank makes the same and steps in
  /// step.
  Training(const Files& files, const TrainOptions& options, uint64_t seed, unsigned threads,
           dist::Team* team = nullptr);

  train::StepResult step(int64_t step, int64_t steps) override;
  /// On validation items, which choose the best network; without any, nothing is chosen.
  train::Evaluation evaluate() override;
  train::Checkpoint state() const override;
  void restore(const train::Checkpoint& state, const std::string& path) override;
  std::vector<nn::NamedTensor> result() const override { return result_network().state(); }

  /// The result learns from labelled items alone, for a while. Source: Pham et al., CVPR 2021, section 3.
  void fine_tune();

  /// What is written in the end: the student, averaged.
  const train::Network& result_network() const { return average_ ? *average_ : student_; }
  const train::Network* teacher_network() const { return teacher_.get(); }
  Scores result_on(const Part& part) const;
  Scores teacher_on(const Part& part) const;
  const Feed& feed() const { return *feed_; }
  /// Of networks and data: what a resumed run must find again.
  std::string fingerprint() const;
  const std::vector<std::string>& features() const { return features_; }
  int64_t steps_per_epoch() const;

 private:
  void make_algorithm();
  void check_agreement() const;
  void watch(double diversity);
  void update_average();
  std::vector<Batch> shards_of(const std::function<Batch(Shard)>& make) const;

  TrainOptions options_;
  const uint64_t seed_;
  train::ShardOptions shared_;
  std::unique_ptr<Task> task_;
  train::Network student_;
  std::unique_ptr<train::Network> teacher_, average_;  // null: there is none
  std::vector<std::string> features_;                  // names of the networks' inputs
  std::unique_ptr<OnnxNetwork> of_student_, of_teacher_, of_average_;
  std::unique_ptr<Feed> feed_;
  std::unique_ptr<nn::Optimizer> student_optimizer_, teacher_optimizer_;
  std::unique_ptr<nn::Ema> ema_;
  std::unique_ptr<Algorithm> algorithm_;
  train::CollapseDetector collapse_;
};

}  // namespace allot::mpl
