// SPDX-License-Identifier: Apache-2.0
#include "place/blocks.h"
#include "place/methods.h"
#include "place/repair.h"

namespace allot::place {

UnitPlacement place_contiguous(const Problem& problem, const Budget& budget) {
  base::Csr<UnitId> groups;
  for (UnitId unit = 0; unit < problem.graph().num_units(); ++unit) groups.add_row(std::span(&unit, 1));
  return repaired(problem, cut_into_blocks(problem, groups), budget);
}

}  // namespace allot::place
