// SPDX-License-Identifier: Apache-2.0
#include "place/methods.h"
#include "place/partial_schedule.h"
#include "place/ranks.h"
#include "place/ready_list.h"
#include "place/repair.h"
#include "place/stop.h"

namespace allot::place {

UnitPlacement place_critical_path(const Problem& problem, const Budget& budget) {
  const std::vector<double> rank = upward_ranks(problem);
  PartialSchedule schedule(problem);
  for (ReadyList ready(problem.graph(), rank); !ready.empty();) {
    end_if_stopped(budget);
    const OpId op = ready.take();
    schedule.add(op, schedule.quickest(op));
  }
  return repaired(problem, schedule.take(), budget);
}

}  // namespace allot::place
