// SPDX-License-Identifier: Apache-2.0
// What outputs mean, and how good they are on a scale from 0 to 1.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <ATen/core/Tensor.h>

namespace allot::enas {

/// | kind           | logits                 | labels                | loss          | quality                    |
/// |----------------|------------------------|-----------------------|---------------|----------------------------|
/// | classification | [items, classes]       | int64 [items]         | cross-entropy | accuracy                   |
/// | token          | [items, time, classes] | int64 [items, time]   | cross-entropy | min(1, scale / perplexity) |
/// | regression     | [items, ...]           | [items, ...]          | squared error | R2, at least 0             |
///
/// Positions whose label is -100 do not count.
enum class TaskKind : uint8_t { classification, token, regression };

std::vector<std::string> task_names();
/// Errors: usage for an unknown name.
TaskKind task_of(const std::string& name);

/// The mean loss, differentiable in the logits.
at::Tensor loss_of(TaskKind task, const at::Tensor& logits, const at::Tensor& labels);

/// Sums over batches, from which scores follow.
class Tally {
 public:
  Tally(TaskKind task, double scale) : task_(task), scale_(scale) {}
  void add(const at::Tensor& logits, const at::Tensor& labels);

  double loss() const;     // of a label
  double quality() const;  // from 0 to 1
  /// What people ask for: accuracy, perplexity, R2; and its name.
  double figure() const;
  const char* figure_name() const;

 private:
  TaskKind task_;
  double scale_;
  double loss_ = 0, count_ = 0, right_ = 0;
  std::vector<double> sums_, squares_;  // of targets, by column
  double rows_ = 0;
};

}  // namespace allot::enas
