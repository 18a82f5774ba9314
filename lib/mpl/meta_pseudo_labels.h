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
#include "mpl/undo.h"
#include "train/shards.h"

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
/// not computed; those that are go through the teacher together, so that batch statistics see the mixture. A rank that
/// has one shard keeps what the teacher computed until feedback is known; of several it computes that again, shard by
/// shard, so that memory is that of one. Training-signal annealing counts items shard by shard.
class MetaPseudoLabels final : public Algorithm {
 public:
  /// Everything must outlive it. `steps`: of the whole run, for training-signal annealing. `shared`: how many shards
  /// there are, and who computes them.
  /// Errors: those of MetaOptions::check.
  MetaPseudoLabels(Learner teacher, Learner student, const Task& task, MetaOptions options, uint64_t seed,
                   uint64_t steps = 0, train::ShardOptions shared = {});

  /// While the student's rate is 0 it does not move, and h is 0. Where something is not finite, feedback and the
  /// teacher's gradient included, neither network changes.
  Report step(std::span<const Batch> shards, uint32_t step, Rates rates) override;
  /// The scale of feedback halves; or the baseline begins anew with the next h.
  bool relieve(Relief relief) override;
  std::vector<nn::NamedTensor> state() const override { return {{"baseline", baseline_.state()}, {"scale", scale_}}; }

 private:
  struct TeacherPass {
    at::Tensor supervised, consistency;  // undefined: no weight
    double mask_rate = kNone;
    at::Tensor logits, label;  // of the label view; the label is detached
  };
  struct Feedback {
    double weight = 0;  // of the teacher's cross-entropy with its labels, or of jvp's loss
    double slope = 0;   // of jvp: see look_aside()
  };
  /// What one iteration goes through. Vectors by shard, of others' shards empty.
  struct Iteration {
    std::span<const Batch> shards;
    uint32_t step;
    Rates rates;
    std::vector<TeacherPass> passes;
    std::vector<Sides> sides;  // of jvp
    Report report;
  };
  Gradients learn_labels(Iteration& it) const;
  train::Part learn_labels(Iteration& it, size_t shard, bool keeps) const;
  TeacherPass ask_teacher(const Batch& batch, uint32_t step, bool update_statistics) const;
  at::Tensor supervised_loss(const at::Tensor& logits, const Batch& batch, uint32_t step) const;
  at::Tensor pseudo_label(const at::Tensor& logits, const Batch& batch, uint32_t step) const;
  Feedback follow(Iteration& it, const Gradients& g);
  double turn(Iteration& it, const Response& response, const Gradients& direction) const;
  Look look(const Iteration& it, bool with_gradients) const;
  double estimate(const Gradients& g, const Look& before, const Look& after, const Response& response) const;
  void teach(Iteration& it, const Feedback& feedback);
  train::Part teach(Iteration& it, size_t shard, const Feedback& feedback) const;

  Learner teacher_, student_;
  const Task& task_;
  MetaOptions options_;
  uint64_t seed_, steps_;
  train::ShardOptions shared_;
  std::vector<at::Tensor> teacher_leaves_, student_leaves_;
  Undo before_;  // the student, before its step
  Baseline baseline_;
  at::Tensor scale_;  // of feedback, beside the option: float64 [1]
};

}  // namespace allot::mpl
