// SPDX-License-Identifier: Apache-2.0
// What searches and trainings compute.
#pragma once

#include "mixcal/language_model.h"
#include "mixcal/training.h"

namespace allot::mixcal {

/// Floating-point operations of a forward pass over one row of tokens, or one item: 2 for each parameter and
/// prediction; where the file has convolutions, whose parameters count as often as they are placed, those of its
/// operators (cost/op_cost.h).
double row_flops(const LanguageModel& model);

/// Of a training that costs `each` operations for a parameter and token: 6 with, 2 without a backward pass.
double flops_of(double each, const LanguageModel& model, const TrainSettings& settings);

}  // namespace allot::mixcal
