// SPDX-License-Identifier: Apache-2.0
// The best of all placements, proved.
#pragma once

#include "place/placer.h"

namespace allot::place {

struct ExactResult {
  UnitPlacement placement;
  Score score;
  bool proved = false;  // no placement has a better score
  uint64_t evaluations = 0;
};

/// Searches all placements by branch and bound, each scored by the exact simulator: the optimum is that of the
/// simulator's own rules, whose queues know anomalies, not that of the best schedule for each placement.
///
/// Units are decided in the order in which a run first needs to know their device. What has happened until then is
/// the same however the rest is decided; what is still to come is bounded by heads and tails from there on, by the work
/// of each device, and by all that is left to do. Devices that are alike in all respects are used in order. For
/// objectives other than latency, several scenarios, or rules under which later decisions change what is past (priority
/// queues, shared bandwidth, ONNX Runtime's order) nothing is pruned but by symmetry and memory.
///
/// `budget` as for every search. Graphs of 30 ops in 20 units take about 10,000 evaluations on 2 devices, three to many
/// times more on 3.
ExactResult solve_exact(const Problem& problem, const Budget& budget);

/// Whether a proof is worth trying for: few units, and a score that branch and bound can prune by.
bool is_provable(const Problem& problem);

}  // namespace allot::place
