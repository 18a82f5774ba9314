// SPDX-License-Identifier: Apache-2.0
// How the learning rate goes over a run.
#pragma once

#include <cstdint>
#include <string>

#include "config/binder.h"

namespace allot::nn {

/// Nothing for `wait` steps, then linearly from 0 up to `rate`, then as `shape` says down to `last` of it.
/// Source: specification of mpl-train, 1.7.
struct Schedule {
  double rate = 0.1;
  std::string shape = "cosine";  // constant, cosine, linear, exponential, rsqrt, step
  double wait = 0, warmup = 0;   // steps; below 1 parts of all steps
  double last = 0;               // what is left at the end of cosine and linear; of exponential 0 is 0.01
  int64_t drop_every = 1000;     // of step: after that many steps times `drop`
  double drop = 0.1;

  void bind(config::Binder& binder);

  /// The learning rate of step `step`, from 0, of `steps` in all. Where these are not known (0), cosine, linear and
  /// exponential stay at `rate`, and parts of all steps are none. rsqrt falls as 1 / sqrt(step), from the end of the
  /// warm-up or, without one, from the first step.
  double at(int64_t step, int64_t steps) const;
};

}  // namespace allot::nn
