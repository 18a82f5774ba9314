// SPDX-License-Identifier: Apache-2.0
// Training with a parameter server: what both sides do with updates.
#include "policy/trainer.h"

namespace allot::policy {

LearnerOf Trainer::learner_of() const {
  return [this](uint32_t number) -> Learner& { return learner(task_of(number)); };
}

/// What a controller completed becomes the server's.
UpdateReport Trainer::take(const Completed& completed) {
  UpdateReport report = completed.report;
  Task& task = *tasks_.at(report.task);
  const place::Score before = task.elites.best().score;
  task.evaluations += completed.found.evaluations;
  task.elites.add(completed.found.placement, completed.found.score);
  if (!report.imitation) task.baseline = report.baseline, task.has_baseline = true;  // for controllers that resume
  report.update = update_++;
  report.evaluations = task.evaluations;
  report.best = task.elites.best().score;
  report.improved = report.best < before;
  return report;
}

void Trainer::control() {
  ControllerLink link(*options_.team, learner_of());
  for (Learner* learner : {flat_.get(), hierarchical_.get()})
    if (learner) learner->apply_by([&](const auto& gradients) { return link.apply(gradients); });
  std::optional<Completed> completed;
  try {
    while (const auto number = link.next(completed)) {
      Task& task = task_of(*number);
      const uint64_t before = task.evaluations;
      const UpdateReport report = learn(*number);
      const Elite& best = task.elites.best();
      completed = Completed{report, {best.placement, best.score, task.evaluations - before}};
    }
  } catch (const ControllerLink::Ended&) {  // in the midst of an update
  }
}

void Trainer::end_control() { server_->end(); }

}  // namespace allot::policy
