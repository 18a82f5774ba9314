// SPDX-License-Identifier: Apache-2.0
// Parts of a large problem as problems of their own.
#pragma once

#include <span>
#include <vector>

#include "place/problem.h"

namespace allot::place {

struct Part {
  Problem problem;            // without bounds
  std::vector<UnitId> units;  // unit of the part -> unit of the whole
};

/// The part of `before` and `ops`, distinct and in an order in which they can run. Units all of whose ops are among
/// `ops` are free; the others stay where `placement` has them. What `ops` read that was made earlier is made instead by
/// those of `before` on the same device, one after another, so that it has to travel as it would; ops of `before` find
/// it in place. Nothing is sent outside. `held_bytes`: what all units together hold on each device from start to end,
/// of which the part leaves that of free units free. Takes time in the size of the part, whatever that of the whole.
Part cut_out(const Problem& whole, std::span<const OpId> before, std::span<const OpId> ops,
             const UnitPlacement& placement, std::span<const int64_t> held_bytes);

/// Parameters and resident bytes of a unit; parameters of several units count for each.
int64_t lasting_bytes(const Problem& problem, UnitId unit);

}  // namespace allot::place
