// SPDX-License-Identifier: Apache-2.0
// A calibration as tables and as a page.
#pragma once

#include <string>

#include "mixcal/calibrate.h"
#include "train/text_table.h"

namespace allot::mixcal {

/// A row a domain: tokens, weights and passes.
train::TextTable weight_table(const Mixture& mixture);
/// A row an arm: average and worst loss, differences to natural and to uniform with 95 % intervals, steps.
train::TextTable arm_table(const Calibration& calibration);
/// A row a domain: test losses by arm, means over seeds.
train::TextTable loss_table(const Calibration& calibration);

/// What the weights cost, and what they save: one line.
std::string cost_text(const Calibration& calibration);
/// Operations of the search alone.
double search_flops(const Mixture& mixture);

std::string page_of(const Calibration& calibration);

/// "step,alpha.<domain>...,excess.<domain>..." of the last seed; doge has alignment and aioli effect in place of
/// excess.
std::string trajectory_csv(const Calibration& calibration);

}  // namespace allot::mixcal
