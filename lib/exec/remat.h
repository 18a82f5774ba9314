// SPDX-License-Identifier: Apache-2.0
// Less memory for more computing: a training run keeps only what crosses segments and computes the rest again when the
// gradient comes by. Source: Chen et al., "Training deep nets with sublinear memory cost", 2016, section 3.
#pragma once

#include <memory>

#include "exec/call.h"

namespace allot::exec {

/// Runs the segments of the plan one after the other on `frame`, whose inputs are set. Gradients of the results run
/// each segment a second time, with the same random numbers and without touching statistics.
void run_rematerialised(const std::shared_ptr<const Plan>& plan, Frame& frame);

/// Runs block 0 without recording, and tells this thread's watch of its segments, which follow one another in it.
void run_watched(Frame& frame);

}  // namespace allot::exec
