// SPDX-License-Identifier: Apache-2.0
// Work that must be done between two instants, whatever the placement.
#pragma once

#include <cstdint>
#include <span>

namespace allot::sim {

/// An op as the bound sees it.
struct Span {
  int64_t head_ps;      // it cannot start before
  int64_t duration_ps;  // on its fastest device
  int64_t tail_ps;      // from its end to the end of the run
  double share_ps;      // its work at the prices of LoadBound: never more than the run's time that it takes up
};

/// Two bounds. Of windows: were the run `horizon_ps` long (any lower bound), the ops would need more of a window than
/// `machines` give, each op as far inside as it can be kept outside least; the run is longer by what is missing
/// (Fernández, Bussell, IEEE Trans. Comput. 1973; tried on a grid of windows). Of ends: after the earliest head and
/// before the shortest tail of any set of ops lies the work of that set, at prices. O(32 ops).
int64_t window_bound(std::span<const Span> ops, double machines, int64_t horizon_ps);

}  // namespace allot::sim
