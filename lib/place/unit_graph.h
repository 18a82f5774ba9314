// SPDX-License-Identifier: Apache-2.0
// The graph that partitioners cut: which units exchange how many bytes, in either direction.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "base/csr.h"
#include "place/problem.h"

namespace allot::place {

struct UnitGraph {
  base::Csr<UnitId> neighbours;  // unit -> other units, ascending
  std::vector<int64_t> bytes;    // beside neighbours.items: what would cross if the two were apart

  std::span<const int64_t> bytes_of(UnitId unit) const {
    return {bytes.data() + neighbours.begin[unit], bytes.data() + neighbours.begin[unit + 1]};
  }
};

/// A tensor counts once between its producer's unit and each other unit that reads it. O(edges log edges).
UnitGraph unit_graph(const Problem& problem);

}  // namespace allot::place
