// SPDX-License-Identifier: Apache-2.0
#include <queue>
#include <utility>

#include "place/methods.h"
#include "place/partial_schedule.h"
#include "place/ranks.h"
#include "place/repair.h"

namespace allot::place {
namespace {

using graph::kNone;

/// The device on which the unit of `op` would be done first, among those that can hold it; the roomiest if none can.
DeviceId choose(const Problem& problem, const PartialSchedule& schedule, OpId op) {
  const UnitId unit = problem.graph().unit_of[op];
  DeviceId best = schedule.device(unit);
  if (best != kNone) return best;
  int64_t best_ps = 0;
  for (const DeviceId device : problem.choices(unit)) {
    if (!schedule.fits(unit, device)) continue;
    const int64_t start_ps = std::max(schedule.free_ps(device), schedule.ready_ps(op, device));
    const int64_t end_ps = start_ps + problem.unit_time_ps(unit, device);
    if (best == kNone || end_ps < best_ps) best = device, best_ps = end_ps;
  }
  return best == kNone ? schedule.roomiest(unit) : best;
}

}  // namespace

UnitPlacement place_critical_path(const Problem& problem, const Budget&) {
  const auto& graph = problem.graph();
  const std::vector<double> rank = upward_ranks(problem);
  const auto less_urgent = [&](OpId a, OpId b) { return rank[a] != rank[b] ? rank[a] < rank[b] : a > b; };
  std::priority_queue<OpId, std::vector<OpId>, decltype(less_urgent)> ready(less_urgent);
  std::vector<uint32_t> pending(graph.num_ops());
  for (OpId op = 0; op < graph.num_ops(); ++op) {
    pending[op] = static_cast<uint32_t>(graph.predecessors[op].size());
    if (pending[op] == 0) ready.push(op);
  }
  PartialSchedule schedule(problem);
  while (!ready.empty()) {
    const OpId op = ready.top();
    ready.pop();
    schedule.add(op, choose(problem, schedule, op));
    for (const OpId next : graph.successors[op])
      if (--pending[next] == 0) ready.push(next);
  }
  return repaired(problem, schedule.take());
}

}  // namespace allot::place
