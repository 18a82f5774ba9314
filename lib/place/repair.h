// SPDX-License-Identifier: Apache-2.0
// Moving units off devices whose memory does not suffice.
#pragma once

#include "place/placer.h"

namespace allot::place {

/// `placement` if everything fits there. Otherwise units are moved, those first that cost least time for each byte
/// that they free, until the exact simulation fits, or no move that was tried helps, or it is plain that no placement
/// fits. Other scenarios are repaired one after another. The result never exceeds memory by more. About 4 million op
/// visits at most. Errors: base::Stopped once the budget's stop is set; nothing else of the budget counts.
UnitPlacement repaired(const Problem& problem, UnitPlacement placement, const Budget& budget);

/// Plainly no placement fits: all parameters and resident bytes exceed all memories together, or a unit exceeds each
/// device that may run it.
bool cannot_fit(const Problem& problem);

}  // namespace allot::place
