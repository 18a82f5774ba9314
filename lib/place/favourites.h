// SPDX-License-Identifier: Apache-2.0
// Which successor of each op should follow it on the same device.
#pragma once

#include <vector>

#include "place/placer.h"

namespace allot::place {

/// For each op its favourite successor, or graph::kNone; each op is the favourite of one at most. By the linear
/// programme for small communication times of Hanen and Munier (ETFA 1995), as in Baechi (SoCC 2020): x of an edge is
/// 0 if it costs no transfer and 1 if it costs a mean one; each op may spare one edge out and one edge in; the makespan
/// is least. What is nearly 0 is a favourite. Long graphs are cut into windows of consecutive ops with a programme
/// each: which neighbours belong together depends little on what is far away. Needs Clp (ALLOT_CLP).
/// Errors: base::Stopped once the budget's stop is set.
std::vector<OpId> favourites(const Problem& problem, const Budget& budget);

}  // namespace allot::place
