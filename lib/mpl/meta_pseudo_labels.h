// SPDX-License-Identifier: Apache-2.0
// Meta Pseudo Labels: a student learns a teacher's labels, and the teacher how well the student does for it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "config/binder.h"
#include "mpl/algorithm.h"
#include "mpl/consistency.h"
#include "mpl/feedback.h"
#include "mpl/response.h"
#include "mpl/task.h"

namespace allot::mpl {

struct MetaOptions {
  std::string pseudo_label = "sample";  // sample, argmax, soft
  std::string label_view = "strong";    // of the unlabelled items, which the teacher labels: strong, weak
  double label_smoothing = 0;           // of the teacher's supervised and the student's loss
  double supervised = 1;                // weight of the teacher's loss on labelled items
  std::string tsa = "none";             // of it, training-signal annealing: none, linear, log, exp
  ConsistencyOptions consistency;       // of the teacher
  FeedbackOptions feedback;

  void bind(config::Binder& binder);
  /// Errors: config for soft labels, or a task without draws, with feedback that is one number. The teacher's
  /// cross-entropy with its own distribution has no gradient, so that such feedback teaches nothing (invariant I1).
  void check(const Task& task) const;
};

/// One iteration after another, in the order of the specification of mpl-train, 1.6. Views that no loss asks for are
/// not computed; those that are go through the teacher together, so that batch statistics see the mixture.
class MetaPseudoLabels final : public Algorithm {
 public:
  /// Everything must outlive it. `steps`: of the whole run, for training-signal annealing.
  /// Errors: those of MetaOptions::check.
  MetaPseudoLabels(Learner teacher, Learner student, const Task& task, MetaOptions options, uint64_t seed,
                   uint64_t steps = 0);

  /// While the student's rate is 0 it does not move, and h is 0.
  Report step(const Batch& batch, uint32_t step, Rates rates) override;
  std::vector<nn::NamedTensor> state() const override { return {{"baseline", baseline_.state()}}; }

 private:
  struct TeacherPass {
    at::Tensor supervised, consistency;  // undefined: no weight
    at::Tensor logits, label;            // of the label view; the label is detached
  };
  struct Feedback {
    double weight = 0;  // of the teacher's cross-entropy with its labels
    at::Tensor loss;    // of jvp, in place of that
  };
  TeacherPass label(const Batch& batch, uint32_t step, Report& report) const;
  at::Tensor supervised_loss(const at::Tensor& logits, const at::Tensor& labels, uint32_t step) const;
  at::Tensor pseudo_label(const at::Tensor& logits, const Batch& batch, uint32_t step) const;
  Gradients student_gradients(const Batch& batch, const at::Tensor& label, uint32_t step, Report& report) const;
  Feedback learn(const Batch& batch, const TeacherPass& teacher, const Gradients& g, uint32_t step, double rate,
                 Report& report);
  Look look(const Batch& batch, uint32_t step, bool with_gradients) const;
  double estimate(const Gradients& g, const Look& before, const Look& after, const Response& response) const;
  void teach(const TeacherPass& teacher, const Feedback& feedback, uint32_t step, double rate, Report& report);

  Learner teacher_, student_;
  const Task& task_;
  MetaOptions options_;
  uint64_t seed_, steps_;
  std::vector<at::Tensor> teacher_leaves_, student_leaves_;
  Baseline baseline_;
};

}  // namespace allot::mpl
