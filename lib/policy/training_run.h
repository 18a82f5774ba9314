// SPDX-License-Identifier: Apache-2.0
// A training run within a budget, in its folder.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "policy/metrics.h"
#include "policy/trainer.h"
#include "train/run_folder.h"

namespace allot::policy {

/// What may be spent; whatever is spent first ends the run.
struct RunBudget {
  uint64_t evaluations = 0;  // of each task; 0: not limited
  uint64_t updates = 0;      // in all; 0: not limited
  double seconds = -1;       // in all; negative: not limited
};

struct RunOptions {
  RunBudget budget;
  double final_search = 0;  // part of the evaluations, or of the seconds, that is kept for annealing from the best
  double save_every_s = 60;
  const std::atomic<bool>* stop = nullptr;
  dist::Team* team = nullptr;                          // that of the trainer
  std::vector<std::string> fingerprints;               // by task: what a resumed run must find unchanged
  std::vector<std::unique_ptr<Task>> validation = {};  // never trained on
  uint64_t validate_every = 20;                        // updates
};

class TrainingRun {
 public:
  /// Takes the number of a task and what was done to it.
  using Show = std::function<void(size_t task, const Metric&)>;

  /// All must outlive it. The first rank has the folder, the others have none: null.
  TrainingRun(Policy& policy, Trainer& trainer, train::RunFolder* folder, RunOptions options);

  /// Seeds the tasks, or takes up the run that the folder holds. Errors: base::Stopped; those of RunFolder::restore and
  /// Trainer::restore; config when the models, costs or cluster are not those that the run began with.
  void begin();
  /// Learns and searches until the budget is spent, nothing new is found any more, or it is stopped. Every step is a
  /// line of metrics.jsonl and is shown. The state is saved now and then and at the end; when an error ends learning,
  /// it is the one last saved. Errors: those of Trainer::update.
  void go_on(const Show& show);

  /// Spent on a task so far, earlier parts of a resumed run included.
  double seconds(size_t task) const { return seconds_[task]; }
  double seconds() const;
  uint64_t evaluations() const;
  /// How much of the budget is spent: 0 to 1. Of several limits, the one that is nearest.
  double share_spent() const;

 private:
  struct Shares {
    double searchable = 0, updates = 0;  // of evaluations or seconds, which a search may use, too; of updates
  };
  Shares shares() const;
  bool goes_on(dist::Team* team, bool wanted) const;
  bool may_learn() const;
  std::string stored_state() const;
  bool take_up();
  void learn(const Show& show);
  void search(const Show& show);
  std::optional<SearchLimits> left_for(size_t task) const;
  void report(size_t task, std::string phase, const UpdateReport* update, const Show& show);
  /// What the policy alone makes of the validation tasks: the likeliest placement of each.
  void validate(const Show& show);
  void note(size_t task, const Metric& metric, const Show& show);
  void save();
  bool stopped() const { return options_.stop && options_.stop->load(std::memory_order_relaxed); }

  Policy& policy_;
  Trainer& trainer_;
  train::RunFolder* folder_;
  RunOptions options_;
  std::vector<double> seconds_;  // by task
  uint64_t idle_ = 0;            // how near the policy is to counting as settled
  std::vector<int64_t> quick_;   // by validation task: value of the best constructive method
};

}  // namespace allot::policy
