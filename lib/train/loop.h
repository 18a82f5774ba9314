// SPDX-License-Identifier: Apache-2.0
// The step loop of every training tool: budgets, metrics, evaluation, checkpoints, resuming, early stopping.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "config/binder.h"
#include "dist/team.h"
#include "nn/parameters.h"
#include "train/checkpoint.h"
#include "train/event_file.h"
#include "train/record.h"
#include "train/run_folder.h"

namespace allot::train {

struct LoopOptions {
  int64_t steps = 0;                             // budgets: the first that is spent ends the run. 0: not limited
  double epochs = 0;                             // likewise
  double seconds = -1;                           // negative: not limited
  int64_t log_every = 50, evaluate_every = 500;  // steps; 0: never, evaluation at the end alone
  double save_every_s = 60;
  int64_t patience = 0;       // evaluations in a row without a better one that end the run; 0: any number
  int64_t most_skipped = 20;  // steps in a row whose gradient is not finite
  bool tensorboard = true;    // an event file beside metrics.jsonl

  void bind(config::Binder& binder);
};

struct StepResult {
  Metrics metrics;
  bool taken = true;  // false: something was not finite, and nothing was changed
};

struct Evaluation {
  Metrics metrics;
  std::optional<double> score;  // what chooses the best network: larger is better. None: nothing is chosen
};

constexpr const char* kNetworkSchema = "allot.network/1";  // of best/network.safetensors

/// What a system trains. step() and evaluate() are called on every rank of a team, in the same order, and give the same
/// on all.
class Job {
 public:
  virtual ~Job() = default;

  /// Step number `step`, from 0, of `steps` in all: those of the budget, or what its seconds will do for, by what is
  /// known (many at first). All randomness is keyed by `step`.
  virtual StepResult step(int64_t step, int64_t steps) = 0;
  virtual Evaluation evaluate() = 0;

  /// All that training goes on from, with the metadata "schema"; and back.
  virtual Checkpoint state() const = 0;
  /// Whether each rank of a team has a part of the state. All call state() at the same time then, and the first gets it
  /// whole, so that a checkpoint does not tell how many ranks there were; restore() is given the whole on each.
  virtual bool state_is_divided() const { return false; }
  virtual void restore(const Checkpoint& state, const std::string& path) = 0;
  /// The network that is evaluated, sharing memory with it: what best/ keeps, and Loop::take_best() writes over.
  virtual std::vector<nn::NamedTensor> result() const = 0;
};

struct LoopContext {
  std::string schema = {};       // of the job's state
  std::string fingerprint = {};  // of inputs that a resumed run must find unchanged
  int64_t steps_per_epoch = 1;
  const std::atomic<bool>* stop = nullptr;  // set by a signal
  dist::Team* team = nullptr;               // the first rank alone has the folder
  bool shown = false;                       // progress on standard error
};

enum class Ended { budget, patience, stopped };

class Loop {
 public:
  /// All must outlive it. Without a folder nothing is written, and the best is not kept.
  /// Errors: usage when no budget is given.
  Loop(Job& job, RunFolder* folder, LoopOptions options, LoopContext context);

  /// Takes up what the folder holds, trains until the budget is spent, evaluation no longer improves or a signal came,
  /// and saves. An interrupted and resumed run gives what an uninterrupted one gives, bit by bit.
  /// Errors: check_failed after LoopOptions::most_skipped; those of the job and of RunFolder. The last checkpoint
  /// stays.
  Ended run();

  /// Puts the best network into the job's result; without one, or without a folder, the last stays.
  /// Errors: those of read_checkpoint.
  void take_best();

  int64_t step() const { return step_; }
  double seconds() const;
  int64_t skipped() const { return skipped_; }
  const std::optional<double>& best_score() const { return best_score_; }
  int64_t best_step() const { return best_step_; }

 private:
  bool all_go_on(bool wanted);
  bool save_is_due();
  bool budget_left();
  int64_t plan();
  void take_up();
  void begin_events();
  void one_step();
  void log();
  void evaluate();
  void keep_best();
  void note(const Record& record);
  void save();
  void restore(const Checkpoint& state, const std::string& path);
  std::string best_path() const { return folder_->file("best/network.safetensors"); }

  using Clock = std::chrono::steady_clock;

  Job& job_;
  RunFolder* folder_;
  LoopOptions options_;
  LoopContext context_;
  std::unique_ptr<EventFile> events_;
  Clock::time_point started_, saved_, logged_;
  double earlier_seconds_ = 0;  // of parts of the run before this one
  int64_t planned_ = 0;         // steps in all, by what is known
  int64_t timed_step_ = 0;      // the one at `logged_`

  // What a checkpoint keeps.
  int64_t step_ = 0, skipped_ = 0, skipped_in_row_ = 0;
  int64_t logged_step_ = 0, evaluated_step_ = -1;
  RunningMeans means_;  // since logged_step_
  std::optional<double> best_score_;
  int64_t best_step_ = 0, since_best_ = 0;  // evaluations
};

}  // namespace allot::train
