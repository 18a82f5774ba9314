// SPDX-License-Identifier: Apache-2.0
// How parameters follow their gradients: SGD, AdamW, Adafactor, Lion, LAMB, LARS on plain tensors.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "config/binder.h"
#include "nn/parameters.h"

namespace allot::nn {

/// A tensor that an optimiser changes in place.
struct TrainedTensor {
  std::string name;
  at::Tensor tensor;
  bool decays = true;  // whether weight decay counts for it
};

/// Those of rank 2 and more decay: neither biases nor the scales of normalisation.
std::vector<TrainedTensor> trained_tensors(const std::vector<NamedTensor>& tensors);

struct OptimizerOptions {
  std::string kind = "sgd";  // one of optimizer_kinds()
  double momentum = 0.9;     // of sgd and lars
  bool nesterov = true;
  double beta1 = 0.9, beta2 = 0;  // of adamw, adafactorw, lamb, lion; beta2 0: 0.999, of lion 0.99
  double epsilon = 0;             // 0: 1e-8, of lamb 1e-6
  double weight_decay = 0;        // sgd adds it to gradients; the others shrink parameters apart from them
  double trust = 0.001;           // of lars: step over norm
  double clip_norm = 0;           // largest norm over all gradients; 0: any

  void bind(config::Binder& binder);
};

std::vector<std::string> optimizer_kinds();

/// What a step did.
struct StepReport {
  double gradient_norm = 0;  // over all gradients, what sgd's weight decay adds included; before clipping
  double clip_factor = 1;    // what gradients were multiplied by
  bool taken = true;         // false: the norm is not finite, and nothing was changed
};

struct OptimizerRule;

class Optimizer {
 public:
  /// owned: by tensor, whether anything is kept of it; others do not change, as somebody else steps for them. Empty:
  /// all are.
  explicit Optimizer(std::vector<TrainedTensor> tensors, OptimizerOptions options = {}, std::vector<bool> owned = {});

  /// gradients: one a tensor, in order; undefined ones leave their tensor, and what is kept for it, alone. Order:
  /// weight decay that gradients take up, clipping by the norm over all, the step.
  StepReport step(std::span<const at::Tensor> gradients, double learning_rate);
  /// Those steps that any tensor took part in.
  int64_t steps() const;

  const std::vector<TrainedTensor>& tensors() const { return tensors_; }
  const OptimizerOptions& options() const { return options_; }
  bool owns(size_t tensor) const { return owned_[tensor]; }

  /// What training goes on from, sharing memory with this: "<kind>.<slot>.<name>" for what is kept of each tensor that
  /// is owned (moments ...), and "<kind>.steps", int64 [tensors].
  std::vector<NamedTensor> state() const;
  /// `state` may have more: what belongs to tensors that are not owned. Errors: those of copy_values.
  void assign(const std::vector<NamedTensor>& state, const std::string& where);

 private:
  const OptimizerRule* rule_;
  std::vector<TrainedTensor> tensors_;
  OptimizerOptions options_;
  std::vector<bool> owned_;                      // by tensor
  std::vector<std::vector<NamedTensor>> slots_;  // by tensor; none of those that are not owned
  at::Tensor steps_;                             // by tensor, int64
};

/// The Euclidean norm over all gradients; undefined ones count as 0.
double norm_over(std::span<const at::Tensor> gradients);

}  // namespace allot::nn
