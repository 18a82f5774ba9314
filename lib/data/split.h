// SPDX-License-Identifier: Apache-2.0
// Which items of a dataset are for what: chosen by seed, or read back from a file.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/file.h"
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
  std::vector<int64_t> labelled_items{};  // if any: these, and no others
  uint64_t seed = 0;
};

/// Draws test, then validation, then labelled items among those that have labels; all others are unlabelled. A dataset
/// that tells parts of its own keeps them: "test" and "val"/"validation" items go where they belong, "unlabeled" ones
/// to unlabelled. Errors: malformed for a class without a labelled item, usage for more items than there are.
Split split(const Dataset& dataset, const SplitOptions& options);

/// allot.data-split/1 (JSON): the four lists and what the dataset was, so that a run can be repeated exactly.
void write_split(const std::string& path, const Split& split, const Dataset& dataset, base::Replace replace);
/// Errors: malformed for anything else, items that are twice in it or not in the dataset, and another dataset's split.
Split read_split(const std::string& path, const Dataset& dataset);

/// Items that a text file names by id, one a line. Errors: malformed with file:line for an unknown or repeated one.
std::vector<int64_t> read_items(const std::string& path, const Dataset& dataset);

}  // namespace allot::data
