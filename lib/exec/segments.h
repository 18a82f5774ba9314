// SPDX-License-Identifier: Apache-2.0
// The main graph cut into pieces that run one by one: to compute them again, or each on its own device.
#pragma once

#include <cstdint>
#include <vector>

#include "exec/plan.h"

namespace allot::exec {

/// Calls visit(slot) for all that a step and the bodies inside it read.
template <typename Visit>
void visit_uses(const Step& step, const Visit& visit) {
  for (const auto& list : {step.inputs, step.captured})
    for (const Slot slot : list)
      if (slot != kNoSlot) visit(slot);
}

/// Makes plan.segments, each with a block of its own beside block 0, which stays. `segment_of_step` is by step of
/// block 0; a segment's steps keep their order. What a segment makes and only itself uses dies within it; what
/// crosses its border stays in its slot until the caller drops it.
void cut(Plan& plan, const std::vector<uint32_t>& segment_of_step);

/// Cuts into `count` segments of about as many steps each; more than there are steps gives one a step.
void cut_evenly(Plan& plan, size_t count);

/// The part of a node with that source (see CompileOptions::parts); 0 where nothing is said.
inline uint32_t part_of(const std::vector<uint32_t>& parts, uint32_t source) {
  return source < parts.size() ? parts[source] : 0;
}

}  // namespace allot::exec
