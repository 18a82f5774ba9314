// SPDX-License-Identifier: Apache-2.0
// Keeps a walker told of the units on the critical chain of where it is.
#pragma once

#include <cstdint>

#include "place/search.h"
#include "place/walker.h"

namespace allot::place {

/// Looking the chain up costs an evaluation, so it is done anew only after `age` evaluations, and only if the placement
/// has changed since.
class CriticalChain {
 public:
  /// Both must outlive it.
  CriticalChain(Search& search, Walker& walker, uint64_t age) : search_(search), walker_(walker), age_(age) {}

  void placement_changed() { stale_ = true; }
  void refresh() {
    if (!stale_ || search_.evaluations() < again_) return;
    walker_.set_critical(search_.critical_units(walker_.placement()));
    stale_ = false;
    again_ = search_.evaluations() + age_;
  }

 private:
  Search& search_;
  Walker& walker_;
  uint64_t age_, again_ = 0;
  bool stale_ = true;
};

}  // namespace allot::place
