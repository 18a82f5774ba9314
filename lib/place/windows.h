// SPDX-License-Identifier: Apache-2.0
// Search in a large graph, one window of its run after another.
#pragma once

#include "place/search.h"

namespace allot::place {

/// Sweeps over the graph from the best of `search`, each for half of what is left of the budget, until one finds
/// nothing better.
///
/// A run of a deep graph is the sum of its stretches. A sweep follows the ops in the order in which they start, and
/// decides some hundred at a time: these and the next few are a small problem of their own (part.h) behind those just
/// decided, which begins with the better of what is known and of what list schedulers make of it, and is annealed. So
/// an evaluation costs a small part of one of the whole graph, and list scheduling goes on from what was gained so far.
/// Whether the whole has become better is seen at the end by exact simulation. It has where units exchange tensors
/// with others nearby; where many reach far back, what is best for a window need not be for the whole.
/// After: rolling horizon procedures for job shops (Singer, Computers & Operations Research 2001).
void search_in_windows(const Problem& problem, const Budget& budget, Search& search);

}  // namespace allot::place
