// SPDX-License-Identifier: Apache-2.0
// Proxies that find weights without a reference model, while they train.
#pragma once

#include <string>
#include <vector>

#include "mixcal/aioli.h"
#include "mixcal/doge.h"
#include "mixcal/training.h"

namespace allot::mixcal {

/// What these methods share beside training.
class OnlineJob : public LanguageJob {
 public:
  OnlineJob(LanguageModel& model, const TrainSettings& settings, const Lesson& lesson, int64_t steps)
      : LanguageJob(model, settings, lesson), trajectory_(steps) {}

  train::Checkpoint state() const override;
  void restore(const train::Checkpoint& state, const std::string& path) override;

  /// What a finished run gives.
  virtual Weights average() const = 0;
  /// What weights were multiplied by: eta, or 1 / mu.
  virtual double speed() const = 0;
  /// Operations of one run of `steps`, all forward and backward passes.
  virtual double flops(int64_t steps) const = 0;
  const std::vector<std::vector<double>>& trajectory() const { return trajectory_.rows(); }

 protected:
  virtual std::vector<double> weights_state() const = 0;
  virtual void assign_weights(std::span<const double> state, const std::string& path) = 0;
  /// What a step is told by, and a row of the trajectory.
  void tell(int64_t step, const Weights& alpha, const std::vector<double>& scores, const std::string& name,
            train::StepResult& result);

 private:
  Trajectory trajectory_;
};

/// DoGE: batches have as many sequences of each domain; each domain's gradient is taken by itself, the weights follow
/// their products, and the model the weighted gradients. Source: Fan et al., ICML 2024.
class DogeJob : public OnlineJob {
 public:
  /// `targets`: as in Doge.
  DogeJob(LanguageModel& model, const TrainSettings& settings, const Lesson& lesson, const DogeOptions& options,
          const std::vector<size_t>& targets, int64_t steps);
  train::StepResult step(int64_t step, int64_t steps) override;
  Weights average() const override { return doge_.average(); }
  double speed() const override { return 1 / pull_; }
  double flops(int64_t steps) const override;

 protected:
  std::vector<double> weights_state() const override { return doge_.state(); }
  void assign_weights(std::span<const double> state, const std::string& path) override { doge_.assign(state, path); }

 private:
  train::Part gradients_by_domain(const Feed::Batch& batch) const;

  double pull_;
  Doge doge_;
};

/// Aioli: batches are drawn by shares that favour one domain after the other, then by weights that follow what was seen
/// to help. Source: Chen et al., ICLR 2025.
class AioliJob : public OnlineJob {
 public:
  /// `over`: as in Aioli.
  AioliJob(LanguageModel& model, const TrainSettings& settings, const Lesson& lesson, const AioliOptions& options,
           const std::vector<size_t>& over, int64_t steps);
  train::StepResult step(int64_t step, int64_t steps) override;
  Weights average() const override { return aioli_.average(); }
  double speed() const override { return aioli_.step(); }
  double flops(int64_t steps) const override;

 protected:
  std::vector<double> weights_state() const override { return aioli_.state(); }
  void assign_weights(std::span<const double> state, const std::string& path) override { aioli_.assign(state, path); }

 private:
  Aioli aioli_;
};

}  // namespace allot::mixcal
