// SPDX-License-Identifier: Apache-2.0
// What a run shows of itself.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "mpl/evaluation.h"
#include "train/record.h"

namespace allot::mpl {

struct RunPage {
  std::optional<Scores> student, teacher;
  std::vector<std::string> class_names;
  std::vector<train::Record> records;
  std::vector<std::pair<std::string, std::string>> facts;
};

/// Figures, scores of each class, confusion, and curves of losses, feedback, baseline, cosine and mask rate.
std::string page_of(const RunPage& run);

}  // namespace allot::mpl
