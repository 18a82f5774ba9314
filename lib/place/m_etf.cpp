// SPDX-License-Identifier: Apache-2.0
#include "place/earliest_task_first.h"
#include "place/methods.h"
#include "place/repair.h"

namespace allot::place {

UnitPlacement place_m_etf(const Problem& problem, const Budget& budget) {
  return repaired(problem, earliest_task_first(problem, budget), budget);
}

}  // namespace allot::place
