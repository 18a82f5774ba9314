// SPDX-License-Identifier: Apache-2.0
// A small graph that stands for a large one.
#pragma once

#include <optional>
#include <vector>

#include "place/problem.h"

namespace allot::place {

struct Coarse {
  Problem problem;              // without bounds
  std::vector<UnitId> unit_of;  // unit of the fine graph -> unit of the coarse one

  /// The placement of the fine graph that `coarse` stands for.
  UnitPlacement project(const UnitPlacement& coarse) const;
};

/// Joins ops until about `most_ops` are left, or nothing more can be joined. Level by level, the vertices are put into
/// a topological order that goes down as deep as it can, over the heaviest edge first; neighbours in this order that
/// exchange tensors are joined, within a limit of work that doubles from level to level. Runs of a topological order
/// cannot form a cycle. A coarse op takes as long as its ops together, waits for all their inputs, and gives all its
/// outputs at the end; ops that share a device still do. Nothing if this leaves no device to some of them. After:
/// multilevel partitioning of acyclic graphs (Herrmann et al., SISC 2019).
std::optional<Coarse> coarsen(const Problem& problem, uint32_t most_ops);

}  // namespace allot::place
