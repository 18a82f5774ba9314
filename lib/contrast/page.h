// SPDX-License-Identifier: Apache-2.0
// What a run shows of itself.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "contrast/run.h"
#include "train/record.h"

namespace allot::contrast {

struct RunPage {
  const Outcome& outcome;
  const PairSource& source;  // whose pairs are shown: those of evaluation, if there are
  Towers towers;
  std::vector<train::Record> records;
  std::vector<std::pair<std::string, std::string>> facts;
};

/// Figures, retrieval over the number of candidates looked at, the similarities of some pairs, what is found for some
/// texts as pictures where there are, and curves.
std::string page_of(const RunPage& run);

}  // namespace allot::contrast
