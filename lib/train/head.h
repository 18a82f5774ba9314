// SPDX-License-Identifier: Apache-2.0
// Which value of a graph a loss is computed from.
#pragma once

#include <string>
#include <vector>

#include "ir/model.h"

namespace allot::train {

struct Head {
  std::string output;                // of the graph
  std::string logits;                // what the loss takes: the output, or what a final Softmax is applied to
  std::vector<std::string> skipped;  // operators in between, from the output inwards: "ArgMax", "Softmax"
};

/// Passes ArgMax, Hardmax and then one Softmax, LogSoftmax or Sigmoid at the end of the graph. `output` may be empty
/// where there is one; `logits` names any value of the main graph, which is then taken as it is.
/// Source: specification of mpl-train, 7.1. Errors: config for an output or value that is not there, or for several
/// outputs and no choice.
Head find_head(const ir::Model& model, const std::string& output = {}, const std::string& logits = {});

}  // namespace allot::train
