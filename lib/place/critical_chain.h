// SPDX-License-Identifier: Apache-2.0
// Keeps a walker told of the units on the critical chain of where it is.
#pragma once

#include <cstdint>

#include "place/move_policy.h"
#include "place/search.h"
#include "place/walker.h"

namespace allot::place {

/// Looking the chain up costs an evaluation, so it is done anew only after `age` evaluations, and only if the placement
/// has changed since. Where the walker follows a policy, that looks around at the same time.
class CriticalChain {
 public:
  /// All must outlive it; `policy` may be null.
  CriticalChain(Search& search, Walker& walker, uint64_t age, MovePolicy* policy)
      : search_(search), walker_(walker), policy_(policy), age_(age) {
    walker_.follow(policy);
  }

  void placement_changed() { stale_ = true; }
  void refresh() {
    if (!stale_ || search_.evaluations() < again_) return;
    if (policy_) {
      policy_->look(walker_.placement());
      search_.spend(1);
    }
    walker_.set_critical(policy_ ? policy_->critical() : search_.critical_units(walker_.placement()));
    stale_ = false;
    again_ = search_.evaluations() + age_;
  }

 private:
  Search& search_;
  Walker& walker_;
  MovePolicy* policy_;
  uint64_t age_, again_ = 0;
  bool stale_ = true;
};

}  // namespace allot::place
