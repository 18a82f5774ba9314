// SPDX-License-Identifier: Apache-2.0
// From judged samples to new parameters: policy gradients.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "dist/team.h"
#include "nn/optimizer.h"
#include "policy/network.h"

namespace allot::policy {

/// What an update learns from: samples, in shards whose gradients are added up in order, and what each is worth.
struct Lesson {
  std::vector<Samples> shards;
  std::vector<std::vector<double>> advantage;  // [shards][samples]: cost above the baseline
  std::vector<std::vector<char>> kept;         // [shards][samples]: 0: teaches nothing
  std::vector<Samples> imitated;               // made likelier beside: their mean cross-entropy is descended
  double imitation_weight = 1;
};

struct LearningReport {
  double gradient_norm = 0;  // before clipping, of the last epoch
  double entropy = 0;        // mean over decisions, natural units
  double learning_rate = 0;
  bool stepped = false;  // false: no sample was kept
};

/// Reinforcement learning with Adam. Gradients of shards are computed side by side, each by one thread of one rank, and
/// added up in order: the same at any number of threads and ranks.
class Learner {
 public:
  /// The network and the team must outlive it; all of a team do the same, and have the same network. Null: alone.
  Learner(Network& network, const LearningSettings& settings, unsigned threads, dist::Team* team = nullptr);

  /// `samples` decisions in shards: one for each grouping, or up to 32 samples where there are no groups.
  std::vector<Samples> draw(const Instance& instance, uint64_t seed, uint32_t update, bool hierarchical) const;

  /// One update. Descends sum over kept samples of advantage * log probability / their number (REINFORCE, Williams
  /// 1992; placement 1.5, 2.5), or the clipped objective of every decision for some epochs (PPO, Schulman et al. 2017).
  /// Errors: check_failed when the gradient is not finite; that step is not taken.
  LearningReport learn(const Instance& instance, const Lesson& lesson);
  /// One step that makes decisions likelier: their mean cross-entropy.
  LearningReport imitate(const Instance& instance, const std::vector<Samples>& samples);

  /// One step of Adam along gradients, which are clipped. Errors: as learn().
  LearningReport apply(const std::vector<at::Tensor>& gradients);
  /// From now on others take the steps of learn() and imitate(), and change the parameters.
  using Apply = std::function<LearningReport(const std::vector<at::Tensor>&)>;
  void apply_by(Apply apply) { apply_ = std::move(apply); }

  int64_t updates() const { return updates_; }
  void set_updates(int64_t updates) { updates_ = updates; }
  int64_t steps() const { return optimizer_.steps(); }
  const nn::Parameters& parameters() const { return network_.parameters(); }
  std::vector<nn::NamedTensor> state() const;
  void assign(const std::vector<nn::NamedTensor>& state, const std::string& where);

  /// What shards add up to: the gradient of each parameter, and the entropy. Exposed for tests of the estimator.
  std::vector<at::Tensor> gradient(const Instance& instance, const Lesson& lesson, double* entropy = nullptr) const;

 private:
  double learning_rate() const;
  double entropy_weight() const;
  at::Tensor taught(const Scores& scores, const Lesson& lesson, size_t shard, double kept) const;

  Network& network_;
  LearningSettings settings_;
  unsigned threads_;
  dist::Team* team_;
  nn::Optimizer optimizer_;
  Apply apply_;  // in place of apply()
  int64_t updates_ = 0;
};

}  // namespace allot::policy
