// SPDX-License-Identifier: Apache-2.0
// Asynchronous training as published: controllers compute gradients of their own samples, and the first rank, which has
// the parameters, applies each as it comes.
#pragma once

#include <functional>
#include <optional>
#include <vector>

#include "dist/team.h"
#include "place/local_search.h"
#include "policy/learner.h"
#include "policy/update_report.h"

namespace allot::policy {

/// What a controller made of an update.
struct Completed {
  UpdateReport report;
  place::Improved found;  // the best that the controller knows of the task; `evaluations` are those of this update
};

/// The learner that an update, by its number, is one of.
using LearnerOf = std::function<Learner&(uint32_t number)>;

/// The first rank's side. Source: Mirhoseini et al., ICML 2017, section 3.3; placement 1.7.
class ParameterServer {
 public:
  /// The team must outlive it.
  ParameterServer(dist::Team& team, LearnerOf learner_of);

  /// Hands numbers of updates, from `first` on, to all controllers that wait, applies gradients as they come, and
  /// returns as soon as an update is completed. Its report tells who completed it, and how stale its gradients were: by
  /// how many steps the parameters had changed, in the mean, since they were handed out. Errors: those of
  /// Learner::apply and dist::Team.
  Completed serve(uint32_t first);
  /// Ends the work of all controllers; what they are at is dropped.
  void end();

 private:
  struct Controller {
    bool waits = false;
    uint32_t number = 0;               // of the update that it is at
    int64_t staleness = 0, steps = 0;  // of that update: sum over its gradients, and their number
  };
  std::optional<Completed> take(const dist::Received& received);
  void begin(uint32_t rank);
  void answer(uint32_t rank, const LearningReport& report);
  void end(uint32_t rank);

  dist::Team& team_;
  const LearnerOf learner_of_;
  std::vector<Controller> controllers_;  // by rank; the first is unused
  uint32_t next_ = 0;                    // number of an update
};

/// The side of all other ranks.
class ControllerLink {
 public:
  struct Ended {};

  /// The team must outlive it.
  ControllerLink(dist::Team& team, LearnerOf learner_of) : team_(team), learner_of_(std::move(learner_of)) {}

  /// Tells what was completed, and takes the newest parameters over. Returns the number of the next update, or nothing
  /// when there is none. Errors: those of dist::Team.
  std::optional<uint32_t> next(const std::optional<Completed>& completed);
  /// Lets the server take a step of the update at hand, and takes the newest parameters over. Throws Ended when the
  /// work is over.
  LearningReport apply(const std::vector<at::Tensor>& gradients);

 private:
  LearningReport take_over();

  dist::Team& team_;
  const LearnerOf learner_of_;
  std::optional<uint32_t> number_;  // of the update at hand
  int64_t version_ = 0;             // of the parameters
};

}  // namespace allot::policy
