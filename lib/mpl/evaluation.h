// SPDX-License-Identifier: Apache-2.0
// How well a network does on labelled items.
#pragma once

#include <cstdint>
#include <vector>

#include "dist/team.h"
#include "mpl/feed.h"
#include "mpl/network.h"
#include "mpl/task.h"
#include "train/record.h"

namespace allot::mpl {

/// Of one network on one part. Accuracy is by item: for tokens by position that counts, for several labels an item by
/// label; numbers have none.
struct Scores {
  double loss = kNone, accuracy = kNone;
  double top5 = kNone;               // share of items with the right class among five; only of more than five
  double calibration_error = kNone;  // of confidences, in 15 bins of equal width (Guo et al., ICML 2017)
  std::vector<int64_t> confusion;    // [right class, predicted class]; empty where an item has no single class
  int64_t items = 0;

  int64_t classes() const;
  /// Of each class; 0 where it is not there or never predicted.
  struct OfClass {
    double precision, recall, f1;
    int64_t items;
  };
  std::vector<OfClass> by_class() const;
  /// Larger is better: accuracy, or minus the loss where there is none.
  double score() const { return accuracy == accuracy ? accuracy : -loss; }
  /// The numbers under "<prefix>accuracy" and so on.
  train::Metrics metrics(const std::string& prefix) const;
};

/// Plain views, as in evaluation, `batch` items at a time. The ranks of a team share the batches, and all get the
/// scores that one would.
Scores evaluate(const Network& network, const Task& task, const Part& part, size_t batch = 256,
                dist::Team* team = nullptr);

}  // namespace allot::mpl
