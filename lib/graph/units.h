// SPDX-License-Identifier: Apache-2.0
// Which ops share a device.
#pragma once

#include "graph/build.h"

namespace allot::graph {

/// Sets the graph's units by the rules of BuildOptions; `main_of` are the groups of Fusion, or none. Needs the
/// neighbours. O(ops + edges); paper mode O(edges log edges). Errors: config for a group pattern that is invalid or
/// matches no op.
void colocate(OpGraph& graph, const PlanningModel& planning, const BuildOptions& options,
              const std::vector<OpId>& main_of);

}  // namespace allot::graph
