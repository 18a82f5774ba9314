// SPDX-License-Identifier: Apache-2.0
// Agreement of a network with itself on two views of an item.
#pragma once

#include <cstdint>

#include "config/binder.h"
#include "mpl/task.h"

namespace allot::mpl {

struct ConsistencyOptions {
  double weight = 1;         // lambda
  double temperature = 0.5;  // of the target
  double threshold = 0.8;    // items less sure than that do not count
  int64_t ramp = 0;          // steps in which the weight rises linearly from 0

  void bind(config::Binder& binder);
  /// lambda(t) = weight min(1, t / ramp). Source: specification of mpl-train, 1.4.
  double weight_at(uint64_t step) const;
};

struct Consistency {
  at::Tensor loss;
  double mask_rate;  // of items that counted
};

/// Cross-entropy of `strong` with `target`, soft or hard, over items with `kept` (bool, by item), divided by the number
/// of all items that `counted` has (undefined: all). Source: Xie et al., NeurIPS 2020 (UDA); Sohn et al., NeurIPS 2020.
Consistency consistency(const Task& task, const at::Tensor& strong, const at::Tensor& target, const at::Tensor& kept,
                        const at::Tensor& counted = {});

/// UDA's: the target is `weak`, sharpened; items count whose sharpened target is at least `threshold` sure.
Consistency uda(const Task& task, const at::Tensor& weak, const at::Tensor& strong, const ConsistencyOptions& options,
                const at::Tensor& counted = {});

}  // namespace allot::mpl
