// SPDX-License-Identifier: Apache-2.0
// How methods end that were asked to.
#pragma once

#include "base/stopped.h"
#include "place/placer.h"

namespace allot::place {

/// For methods that have nothing to show before they are done. Errors: base::Stopped once the budget's stop is set.
inline void end_if_stopped(const Budget& budget) {
  if (budget.stop && budget.stop->load(std::memory_order_relaxed)) throw base::Stopped();
}

}  // namespace allot::place
