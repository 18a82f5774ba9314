// SPDX-License-Identifier: Apache-2.0
// Which items of a dataset are for what: chosen by seed, or read back from a file.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "data/dataset.h"

namespace allot::data {

/// Disjoint, ascending lists of item numbers.
struct Split {
  std::vector<int64_t> labelled, unlabelled, validation, test;
};

/// How many items: a count, or a fraction of those there are.
struct Share {
  double value = 0;
  bool is_fraction = false;
  /// "500", "0.2" or "20%". Errors: usage.
  static Share parse(const std::string& text);
};

struct SplitOptions {
  int64_t per_class = 0;       // labelled items of each class; 0: as `labelled` says
  Share labelled{1.0, true};   // of the labelled items that validation and test leave, classes in equal proportion
  Share validation{}, test{};  // of the labelled items, classes in equal proportion
  uint64_t seed = 0;
};

/// Draws test, then validation, then labelled items among those that have labels; all others are unlabelled. A dataset
/// that tells parts of its own keeps them: "test" and "val"/"validation" items go where they belong, "unlabeled" ones
/// to unlabelled. Errors: malformed for a class without a labelled item, usage for more items than there are.
Split split(const Dataset& dataset, const SplitOptions& options);

}  // namespace allot::data
