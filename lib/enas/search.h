// SPDX-License-Identifier: Apache-2.0
// Weights and policy trained in turns.
#pragma once

#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "dist/team.h"
#include "enas/feed.h"
#include "enas/policy.h"
#include "enas/shared_network.h"
#include "nn/optimizer.h"
#include "nn/schedule.h"
#include "train/collapse.h"
#include "train/loop.h"
#include "train/metrics_file.h"
#include "train/shards.h"

namespace allot::enas {

constexpr const char* kSearchSchema = "allot.enas/1";

/// How weights are trained, shared ones and those of single children alike.
struct LearningOptions {
  int64_t batch = 64;
  nn::OptimizerOptions optimizer;
  nn::Schedule schedule;

  LearningOptions();
  void bind(config::Binder& binder);
};

struct SearchOptions {
  std::string task = "classification";
  double perplexity_scale = 80;  // quality of token tasks is scale / perplexity
  DataOptions data;
  LearningOptions learning;
  PolicyOptions policy;
  RewardOptions reward;
  std::string latencies;      // file of a latency table
  double theta_warmup = 0.5;  // part of the steps in which architectures are uniform and the policy rests
  int64_t theta_steps = 50, theta_batch = 20;  // updates of the policy after an epoch, architectures in each
  int64_t reward_batch = 128;                  // validation items that a reward is measured on
  int64_t steps_per_epoch = 0;                 // 0: as many as use every item once
  std::string inactive = "skip";      // decay: momentum and weight decay move weights that a step does not use, too
  int64_t shards = 1;                 // of a batch, each normalised by itself
  int64_t samples = 100;              // architectures that the best is chosen among
  std::string on_collapse = "abort";  // or warn: when rewards do not differ
  train::LoopOptions loop;

  SearchOptions();
  void bind(config::Binder& binder);
};

/// An architecture with what is known of it.
struct Judged {
  Assignment assignment;
  std::string name;
  double quality = 0, reward = 0;  // by shared weights
  Costs costs;
  std::optional<double> alone = {};  // quality after a short training alone: see rank_finalists
};

/// Source: specification of enas-search, 1.4.
class Search final : public train::Job {
 public:
  /// `archive`: where every judged architecture goes, a line each; may be null. The ranks of `team` share the shards of
  /// a batch and the architectures that are judged; null: there is one. All must outlive it.
  /// Errors: those of SharedNetwork, Feed and make_policy; usage for a cost without a target.
  Search(const Supergraph& supergraph, const Datasets& datasets, const SearchOptions& options, uint64_t seed,
         unsigned threads, train::MetricsFile* archive, dist::Team* team = nullptr);

  train::StepResult step(int64_t step, int64_t steps) override;
  /// Nothing is chosen: the last weights count.
  train::Evaluation evaluate() override { return {}; }
  train::Checkpoint state() const override;
  void restore(const train::Checkpoint& state, const std::string& path) override;
  std::vector<nn::NamedTensor> result() const override { return shared_->network().state(); }

  /// On all validation items with present weights, best first, equal children once. What `filter` excludes is left out.
  /// Once `stop` is set, it returns soon, with qualities that mean nothing.
  std::vector<Judged> rank(const std::vector<Assignment>& assignments, const std::atomic<bool>* stop = nullptr);
  /// `count` candidates of the policy, ranked. Errors: check_failed when no candidate keeps to the target.
  std::vector<Judged> choose(size_t count, const std::atomic<bool>* stop = nullptr);

  const SharedNetwork& shared() const { return *shared_; }
  const Feed& feed() const { return *feed_; }
  const Policy& policy() const { return *policy_; }
  int64_t steps_per_epoch() const;
  std::string fingerprint() const;
  /// Validation items that rewards have looked at: what random search may look at, too.
  int64_t judged_items() const { return judged_items_; }

 private:
  train::Part gradient(const SubNetwork& sub, const Batch& batch, uint32_t step, size_t shard) const;
  bool train_weights(int64_t step, int64_t steps, train::Metrics& metrics);
  void train_policy(int64_t epoch, train::Metrics& metrics);
  std::vector<Judged> judge(const std::vector<Assignment>& assignments, const std::vector<Batch>& batches,
                            const std::atomic<bool>* stop = nullptr);
  void note(uint32_t update, const std::vector<Judged>& judged);
  void watch(const std::vector<double>& rewards);

  SearchOptions options_;
  const Supergraph& supergraph_;
  const uint64_t seed_;
  unsigned threads_;
  dist::Team* team_;
  TaskKind task_;
  std::unique_ptr<SharedNetwork> shared_;
  std::unique_ptr<Feed> feed_;
  std::unique_ptr<Policy> policy_, uniform_;
  std::unique_ptr<nn::Optimizer> optimizer_;
  std::unique_ptr<LatencyTable> latencies_;
  train::MetricsFile* archive_;
  train::CollapseDetector collapse_;
  int64_t judged_items_ = 0;
};

}  // namespace allot::enas
