// SPDX-License-Identifier: Apache-2.0
// Exponential moving averages of all that a network holds.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "nn/parameters.h"

namespace allot::nn {

/// average = d average + (1 - d) source, for parameters and running statistics alike, with d = min(decay,
/// (1 + t) / (10 + t)) at update t, from 0, or d = decay where it does not warm up. What is not floating is copied.
/// Source: specification of mpl-train, 1.5.
class Ema {
 public:
  /// Both name the same tensors, of the same shapes, in the same order; `average` takes the values of `source` now.
  Ema(std::vector<NamedTensor> source, std::vector<NamedTensor> average, double decay, bool warms_up = true);

  void update();
  int64_t updates() const { return updates_; }
  const std::vector<NamedTensor>& average() const { return average_; }

  /// The average under the source's names, and the number of updates as int64 [1] under "ema.updates".
  std::vector<NamedTensor> state() const;
  /// Errors: those of copy_values.
  void assign(const std::vector<NamedTensor>& state, const std::string& where);

 private:
  std::vector<NamedTensor> source_, average_;
  double decay_;
  bool warms_up_;
  int64_t updates_ = 0;
};

}  // namespace allot::nn
