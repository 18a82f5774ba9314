// SPDX-License-Identifier: Apache-2.0
// The list scheduler behind m-ETF and m-SCT.
#pragma once

#include <vector>

#include "place/placer.h"

namespace allot::place {

/// List scheduling: of all ready ops and devices take the pair that can start first, if the unit fits there. A device
/// that runs an op slower than the fastest one is handicapped by the difference; among equal devices, as in the paper,
/// there is none.
///
/// `favourite` [num_ops], if not empty: the successor for which an op's device should be kept free, or graph::kNone.
/// While that successor is ready, would start nowhere earlier and is not scheduled, others get the device only once
/// they could have started on every device (they are urgent).
/// Errors: base::Stopped once the budget's stop is set.
UnitPlacement earliest_task_first(const Problem& problem, const Budget& budget,
                                  const std::vector<OpId>& favourite = {});

}  // namespace allot::place
