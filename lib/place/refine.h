// SPDX-License-Identifier: Apache-2.0
// Improving a cut by moves of single vertices.
#pragma once

#include "place/bisect.h"

namespace allot::place {

/// Passes after Fiduccia and Mattheyses: the unmoved vertex of largest gain whose move keeps the balance, or mends it,
/// moves to the other side, also at a loss; then the pass goes back to its best moment. Returns the cost of the cut.
double refine(const CutGraph& graph, double share, std::vector<int8_t>& side);

}  // namespace allot::place
