// SPDX-License-Identifier: Apache-2.0
// What a trained policy proposes for a problem that it need not have seen.
#pragma once

#include <cstdint>
#include <vector>

#include "place/groups.h"
#include "policy/policy.h"

namespace allot::policy {

struct Proposals {
  std::vector<UnitPlacement> placements;  // by unit
  std::vector<double> log_probability;    // of all decisions of each
  // -- of a policy that groups first; else both are empty
  std::vector<place::GroupOfUnit> groupings;
  std::vector<uint32_t> grouping;  // [placements]: which of them
};

/// `count` placements: the likeliest device each time first, then drawn ones; where a policy groups first, up to eight
/// share a grouping. The same for the same seed, whatever the number of threads (0 = all cores).
/// Errors: those of Policy::network.
Proposals propose(const Policy& policy, const Instance& instance, int64_t count, uint64_t seed, unsigned threads);

}  // namespace allot::policy
