// SPDX-License-Identifier: Apache-2.0
// Gradients of parts of a batch that go into AdamW's moments as they come, so that nobody has to add them up first.
#pragma once

#include <cstdint>
#include <vector>

#include "nn/optimizer.h"

namespace allot::nn {

/// A step's gradient g is the sum over K groups, each of which is the sum over R >= 2 parts: P(k, r). The first moment
/// is linear in it and hence exact. The second one wants g squared, of which the groups' squares are K times too large
/// where they are noise. The parts tell how much noise there is, so that what the second moment takes up,
///   sum_k [ K G_k^2 - (K - 1) / (R (R - 1)) sum_r (R P_kr - G_k)^2 ],   G_k = sum_r P_kr,
/// has the mean of g squared when parts are drawn alike. It is noisier than g squared, and may be negative: moments are
/// cut off at 0 once a step, and no step divides by less than the first moment, as Adam's very first step does. So
/// no element moves by more than the learning rate. With K = 1 and positive moments this is AdamW but for that bound.
/// Source: Pham et al., "Combined scaling", 2021, the moments of microbatches; specification of contrast-train, 1.4.
class MomentFold {
 public:
  /// `optimizer` has to stay; its moments, steps and tensors are those that change. Errors: config for another kind
  /// than adamw, and for clip_norm, as the norm is not known before the last part.
  explicit MomentFold(Optimizer& optimizer);

  /// Group of `groups` of this step for tensors from `first_tensor` on. parts: by part, then tensor; a tensor that is
  /// undefined in the first part is left alone. Errors: check_failed, when they are not finite: what earlier groups
  /// changed cannot be taken back.
  void fold(size_t first_tensor, const std::vector<std::vector<at::Tensor>>& parts, int64_t groups);
  /// The whole gradient of one tensor.
  void take(size_t tensor, const at::Tensor& gradient);
  /// Weight decay and the step of all tensors that anything was given for.
  void finish(double learning_rate);

 private:
  void decay_moments(size_t tensor);
  at::Tensor first(size_t tensor) const { return moments_[place_[tensor]].second; }
  at::Tensor second(size_t tensor) const { return moments_[place_[tensor] + 1].second; }

  Optimizer& optimizer_;
  std::vector<NamedTensor> moments_;  // as Optimizer::state() has them: m and v of each tensor that it owns, then steps
  std::vector<size_t> place_;         // by tensor: of its m
  std::vector<bool> given_;           // by tensor, in this step
};

}  // namespace allot::nn
