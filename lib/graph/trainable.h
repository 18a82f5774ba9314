// SPDX-License-Identifier: Apache-2.0
// Which parameters of a graph training changes.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "graph/build.h"

namespace allot::graph {

/// Parameters in groups that one optimizer updates: those that show the same weight (a matrix and its transpose).
struct Trainable {
  std::vector<uint32_t> group;                // by parameter: kNone if it is not trained
  std::vector<std::vector<ParamId>> members;  // by group, numbered by its first parameter; empty for other numbers
  std::vector<int64_t> element_bytes;         // by group
};

/// A parameter is trainable if it holds several floats and comes from a weight: an initializer of several floats or
/// what is computed from one, or the output of a ConstantOfShape or Constant. `frozen` are patterns on the names of
/// parameters and of the weights that they show. Errors: config for a pattern that is invalid or matches nothing.
Trainable find_trainable(const Built& built, const PlanningModel& planning, const std::vector<std::string>& frozen);

}  // namespace allot::graph
