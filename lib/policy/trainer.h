// SPDX-License-Identifier: Apache-2.0
// The training of a policy on one task or many.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <vector>

#include "dist/team.h"
#include "place/local_search.h"
#include "policy/learner.h"
#include "policy/parameter_server.h"
#include "policy/policy.h"
#include "policy/task.h"
#include "policy/update_report.h"

namespace allot::policy {

constexpr const char* kTrainingSchema = "allot.policy-training/1";  // of checkpoints

struct TrainerOptions {
  uint64_t seed = 0;
  unsigned threads = 0;  // 0: all cores
  /// Set to end: a search ends with what it found, seed() and update() throw base::Stopped before they change anything.
  /// Ranks stay in step, so that only searches end early where there are several.
  const std::atomic<bool>* stop = nullptr;
  dist::Team* team = nullptr;  // ranks that train one policy; null: alone
  /// Ranks train the same in step, and their rewards share the work; otherwise the first one is a parameter server, and
  /// the others are its controllers, with rewards, elites and baselines of their own.
  bool in_step = true;
};

/// What annealing may spend on a task.
struct SearchLimits {
  size_t task = 0;
  uint64_t evaluations = 0;  // 0: not limited if seconds are
  double seconds = -1;       // negative: not limited
  UnitPlacement start = {};  // what it begins with; if empty, the best so far
};

class Trainer {
 public:
  /// The policy must outlive it.
  Trainer(Policy& policy, const LearningSettings& settings, std::vector<std::unique_ptr<Task>> tasks,
          TrainerOptions options);

  const std::vector<std::unique_ptr<Task>>& tasks() const { return tasks_; }

  /// Judges what the constructive methods give for each task: what a policy imitates first, and what no answer is worse
  /// than. Called once, before anything else. Errors: base::Stopped.
  void seed();
  /// One update of the next task in turn, or of a parameter server the next that a controller completes. What is found
  /// is added to the task's elites. Errors: those of Reward::judge, Learner::learn and dist::Team.
  UpdateReport update();
  /// A controller's updates, until the server calls end_control(); all that it knows afterwards is the server's.
  void control();
  void end_control();
  /// Annealing from the best of each of these tasks. Evaluations buy most in one walk, so that each task has one, which
  /// a rank does on a thread; time alone is used by walks on all threads of all ranks. Of several ranks, the first
  /// one's limits count, and what it found so far. Returns the tasks and the seconds that each took.
  std::vector<std::pair<size_t, double>> search(std::vector<SearchLimits> limits);

  uint32_t updates() const { return update_; }
  dist::Team* team() const { return options_.team; }
  /// The team where its ranks learn in step.
  dist::Team* in_step() const { return options_.in_step ? options_.team : nullptr; }
  bool is_server() const { return server_ != nullptr; }
  bool is_controller() const { return options_.team && !options_.in_step && !options_.team->is_first(); }
  /// What ends work that all ranks do in step: the flag where there is one rank, else nothing.
  const std::atomic<bool>* stop_in_between() const;

  /// All that update() depends on, of schema kTrainingSchema; the policy is a part of it.
  train::Checkpoint state() const;
  /// The run goes on as if it had never ended. Call seed() before. Errors: malformed where the state is that of another
  /// run's shape.
  void restore(const train::Checkpoint& state, const std::string& path);

 private:
  Learner& learner(const Task& task) const;
  Task& task_of(uint32_t update) const { return *tasks_[update % tasks_.size()]; }
  LearnerOf learner_of() const;
  UpdateReport learn(uint32_t update);
  UpdateReport take(const Completed& completed);
  place::Budget budget() const;
  std::vector<UnitPlacement> worth_imitating(const Task& task) const;
  UpdateReport imitate(Task& task);
  std::vector<Judgement> judge(Task& task, const std::vector<UnitPlacement>& placements);
  void add_found(Task& task, const std::vector<UnitPlacement>& placements, const std::vector<place::Score>& scores);
  Lesson lesson_of(Task& task, std::vector<Samples> shards, const std::vector<Judgement>& judgements,
                   UpdateReport& report);
  void polish(uint32_t update, const std::vector<UnitPlacement>& placements, const std::vector<Judgement>& judgements);

  Policy& policy_;
  LearningSettings settings_;
  std::vector<std::unique_ptr<Task>> tasks_;
  TrainerOptions options_;
  std::unique_ptr<Learner> flat_, hierarchical_;
  std::vector<std::unique_ptr<place::LocalSearch>> local_searches_;  // by task
  std::unique_ptr<ParameterServer> server_;                          // of the first rank if they are not in step
  uint32_t update_ = 0;
};

}  // namespace allot::policy
