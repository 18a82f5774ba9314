// SPDX-License-Identifier: Apache-2.0
// What a device holds at the moment when it holds most.
#pragma once

#include <vector>

#include "place/problem.h"

namespace allot::place {

struct Holdings {
  int64_t time_ps = 0;                   // when the device holds most
  std::vector<graph::TensorId> tensors;  // made there or brought there, ascending
};

/// Tensors on `device` at its peak: each from the start of its op or of its transfer there to the end of its last
/// local consumer and of its last transfer from there; outputs to the end. `outcome` carries its timeline. Simpler
/// than the simulator's accounts (it knows no sharing of blocks), which decide. O(ops + edges + transfers log).
Holdings holdings_at_peak(const Problem& problem, const UnitPlacement& placement, const sim::Outcome& outcome,
                          DeviceId device);

}  // namespace allot::place
