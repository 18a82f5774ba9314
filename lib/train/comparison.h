// SPDX-License-Identifier: Apache-2.0
// Methods side by side over the same seeds.
#pragma once

#include <string>
#include <vector>

#include "train/statistics.h"
#include "train/text_table.h"

namespace allot::train {

struct Contender {
  std::string name;
  std::vector<double> scores;  // by seed; those of all contenders are of the same seeds, in the same order
};

/// A row each: mean and deviation, median, smallest and largest, and how much more than `reference` (a place in the
/// list) it has, paired over seeds, with the 95 % t-interval. `score` says what the numbers are: "accuracy, %".
TextTable comparison_table(const std::vector<Contender>& contenders, size_t reference, const std::string& score,
                           int decimals = 2);

}  // namespace allot::train
