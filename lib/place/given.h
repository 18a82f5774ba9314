// SPDX-License-Identifier: Apache-2.0
// Placements that come from elsewhere, such as a trained policy, as the start of a search.
#pragma once

#include <cstddef>
#include <vector>

#include "place/placer.h"

namespace allot::place {

/// The best of `given` and of the budget's start after local search: all are scored, and the best distinct ones share
/// what is left of the budget. At least one is given. `origin` is told which of them the answer was improved from:
/// given.size() if it is the budget's start.
UnitPlacement improve_given(const Problem& problem, std::vector<UnitPlacement> given, const Budget& budget,
                            size_t* origin = nullptr);

}  // namespace allot::place
