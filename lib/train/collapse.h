// SPDX-License-Identifier: Apache-2.0
// Notices that a network gives the same answer to everything.
#pragma once

#include <cstdint>

namespace allot::train {

/// Collapsed: the value stayed below the threshold for so many steps in a row; e.g. the entropy of the mean
/// pseudo-label distribution below 0.1 log(classes) for 500 steps (specification of mpl-train, 2.3).
class CollapseDetector {
 public:
  CollapseDetector(double threshold, int64_t steps) : threshold_(threshold), most_(steps) {}

  /// Whether it collapsed with this value: told once, until the value has recovered. What is not a number counts as
  /// below.
  bool observe(double value) {
    if (value >= threshold_) return low_ = 0, false;
    return ++low_ == most_;
  }

  /// Steps in a row below the threshold: the state that a checkpoint keeps.
  int64_t low_steps() const { return low_; }
  void set_low_steps(int64_t steps) { low_ = steps; }

 private:
  double threshold_;
  int64_t most_, low_ = 0;
};

}  // namespace allot::train
