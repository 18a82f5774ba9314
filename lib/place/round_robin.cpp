// SPDX-License-Identifier: Apache-2.0
#include "place/methods.h"
#include "place/repair.h"

namespace allot::place {

UnitPlacement place_round_robin(const Problem& problem, const Budget& budget) {
  UnitPlacement placement(problem.graph().num_units());
  for (UnitId unit = 0; unit < placement.size(); ++unit) {
    const auto choices = problem.choices(unit);
    placement[unit] = choices[unit % choices.size()];
  }
  return repaired(problem, std::move(placement), budget);
}

}  // namespace allot::place
