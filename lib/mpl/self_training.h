// SPDX-License-Identifier: Apache-2.0
// One network that learns from labels and from what it says itself of unlabelled items: what feedback is compared with.
#pragma once

#include <string>
#include <vector>

#include "mpl/algorithm.h"
#include "mpl/consistency.h"
#include "mpl/task.h"
#include "train/shards.h"

namespace allot::mpl {

/// | kind         | target of an unlabelled item           | on its view | source                             |
/// |--------------|----------------------------------------|-------------|------------------------------------|
/// | supervised   | none                                   |             |                                    |
/// | pseudo-label | likeliest label, where sure            | weak        | Lee, ICML workshop 2013            |
/// | mean-teacher | distribution of the averaged network   | strong      | Tarvainen, Valpola, NeurIPS 2017   |
/// | uda          | sharpened distribution, where sure     | strong      | Xie et al., NeurIPS 2020           |
/// | fixmatch     | likeliest label, where sure            | strong      | Sohn et al., NeurIPS 2020          |
/// | flexmatch    | the same; how sure depends on the class | strong     | Zhang et al., NeurIPS 2021         |
///
/// The average of mean-teacher is the one that is evaluated, and its loss the squared error of distributions. What
/// flexmatch counts is what was known before the step.
class SelfTraining final : public Algorithm {
 public:
  /// `average`: the network with averaged parameters, which the caller keeps. `unlabelled`: how many items there are.
  SelfTraining(std::string kind, Learner learner, const Network& average, const Task& task, ConsistencyOptions options,
               double label_smoothing, uint64_t seed, int64_t unlabelled, train::ShardOptions shared = {});

  /// The network's rate is that of the student.
  Report step(std::span<const Batch> shards, uint32_t step, Rates rates) override;
  /// By unlabelled item, the class that it was last sure of, or -1: what flexmatch counts.
  std::vector<nn::NamedTensor> state() const override { return {{"sure_of", sure_of_}}; }

 private:
  /// Items that a shard is sure of, and of which class: both int64 [items].
  struct Sure {
    at::Tensor items, label;
  };
  train::Part learn(const Batch& batch, uint32_t step, double weight, Sure& sure) const;
  Consistency agreement(const Batch& batch, const std::vector<at::Tensor>& logits, uint32_t step, Sure& sure) const;
  Consistency squared_error(const Batch& batch, const at::Tensor& strong, uint32_t step) const;
  at::Tensor flexible_thresholds(const at::Tensor& label) const;
  void remember(const std::vector<Sure>& sure);

  std::string kind_;
  Learner learner_;
  const Network& average_;
  const Task& task_;
  ConsistencyOptions options_;
  double label_smoothing_;
  uint64_t seed_;
  train::ShardOptions shared_;
  std::vector<at::Tensor> leaves_;
  at::Tensor sure_of_;
};

}  // namespace allot::mpl
