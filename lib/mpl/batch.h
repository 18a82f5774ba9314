// SPDX-License-Identifier: Apache-2.0
// What one iteration learns from.
#pragma once

#include <cstdint>
#include <limits>

#include "mpl/network.h"

namespace allot::mpl {

struct Batch {
  Inputs labelled;      // weak views
  at::Tensor labels;    // as Task has hard labels
  Inputs weak, strong;  // two views of the same unlabelled items
  at::Tensor items;     // int64: which unlabelled items these are
  at::Tensor counted;   // bool by unlabelled item: which pseudo labels count; undefined: all
  Inputs feedback;      // what the student is judged on; empty: `labelled`
  at::Tensor feedback_labels;

  // Of one that is a shard of a step's batch. Shares are what of its kind counts in it, as a part of the mean shard's:
  // 1 where all items count.
  size_t shard = 0;
  int64_t first = 0;  // place of its first unlabelled item in the whole batch
  double labelled_share = 1, unlabelled_share = 1, feedback_share = 1;

  /// The key of dropout: every shard draws for itself.
  uint64_t key(uint64_t seed) const { return seed ^ shard * 0x9e3779b97f4a7c15; }
};

inline constexpr double kNone = std::numeric_limits<double>::quiet_NaN();

/// Of one iteration; kNone where it has no such thing.
struct Report {
  double student_loss = kNone;                               // with pseudo labels
  double supervised_loss = kNone, consistency_loss = kNone;  // of the network that has labels
  double pseudo_loss = kNone;                                // the teacher's cross-entropy with its own labels
  double h = kNone, baseline = kNone, weight = kNone;  // feedback; its moving average; what multiplied the gradient
  double cosine = kNone;                               // of the student's gradient and the probe's
  double mask_rate = kNone;                            // share of unlabelled items that were sure enough
  double diversity = kNone;                            // of pseudo labels; see Task
  double student_norm = kNone, probe_norm = kNone, teacher_norm = kNone;  // of gradients, before clipping
  bool skipped = false;  // something was not finite, and no parameter changed
};

}  // namespace allot::mpl
