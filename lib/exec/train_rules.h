// SPDX-License-Identifier: Apache-2.0
// The user's word on which weights are trained.
#pragma once

#include <vector>

#include "exec/lower.h"
#include "exec/trainable.h"

namespace allot::exec {

/// Changes decisions in the order of the rules, so that the last match counts. A weight that a rule trains must be
/// floating, which all of `weights` are. Errors: config for a rule that is invalid or matches nothing.
void apply_rules(const Lowered& lowered, const ir::Values& values, const std::vector<TrainRule>& rules,
                 std::vector<Weight>& weights);

}  // namespace allot::exec
