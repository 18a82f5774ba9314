// SPDX-License-Identifier: Apache-2.0
// Adam on plain tensors.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "nn/parameters.h"

namespace allot::nn {

struct AdamOptions {
  double beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8;
  double weight_decay = 0;  // decoupled: Loshchilov, Hutter, ICLR 2019
};

/// Source: Kingma, Ba, ICLR 2015, algorithm 1.
class Adam {
 public:
  /// The parameters must outlive it.
  explicit Adam(const Parameters& parameters, AdamOptions options = {});

  /// gradients: one a parameter, in order; undefined ones leave their parameter alone.
  void step(std::span<const at::Tensor> gradients, double learning_rate);
  int64_t steps() const { return steps_; }

  /// What training goes on from, sharing memory with this: both moments under "adam.m.<name>" and "adam.v.<name>",
  /// and the number of steps as int64 [1] under "adam.steps".
  std::vector<NamedTensor> state() const;
  /// Errors: those of copy_values.
  void assign(const std::vector<NamedTensor>& state, const std::string& where);

 private:
  const Parameters& parameters_;
  AdamOptions options_;
  std::vector<at::Tensor> first_, second_;
  int64_t steps_ = 0;
};

/// Scales gradients so that the norm over all of them is at most `most`; undefined ones count as 0. Returns the norm
/// before. A norm that is not finite changes nothing.
double clip_norm(std::vector<at::Tensor>& gradients, double most);

}  // namespace allot::nn
