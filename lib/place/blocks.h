// SPDX-License-Identifier: Apache-2.0
// Cutting a sequence of units into one block a device.
#pragma once

#include "base/csr.h"
#include "place/problem.h"

namespace allot::place {

/// Cuts `groups`, each a row of units that stay together, into consecutive blocks, one a device in order of id, so
/// that the longest block takes as little time as any such cut allows (to 1 in 10,000). A block never needs more
/// memory than its device has, unless no cut fits: parameters, and tensors from when they are made or else from the
/// start of the block until nobody will read them any more. A unit that the device of its block may not run goes
/// where it is fastest.
UnitPlacement cut_into_blocks(const Problem& problem, const base::Csr<UnitId>& groups);

}  // namespace allot::place
