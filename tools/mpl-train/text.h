// SPDX-License-Identifier: Apache-2.0
// What runs came to, for people and for programs.
#pragma once

#include <string>

#include "mpl/fit.h"
#include "train/text_table.h"

namespace allot {

std::string text_of(const train::TextTable& table);
std::string scores_text(const mpl::Scores& scores, const std::vector<std::string>& class_names);
std::string scores_json(const mpl::Scores& scores);
std::string outcome_text(const mpl::Outcome& outcome);
std::string outcome_json(const mpl::Outcome& outcome);

}  // namespace allot
