// SPDX-License-Identifier: Apache-2.0
// What a search must reach: figures with a target each, on known answers, domains of known entropy, or the user's text.
// Source: specification of mixcal, 6.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "mixcal/calibrate.h"
#include "train/text_table.h"

namespace allot::mixcal {

struct Criterion {
  std::string what, figure, target;
  std::optional<bool> holds;  // nothing: the figure is told, and no more
};

/// Answers that are known without any network, in seconds: the update's arithmetic, a game's solution, weights that
/// go on from a saved state, and optima that mixing-law and regmix are to find in a swarm.
std::vector<Criterion> exact_criteria();

/// What the criteria of `synthetic_criteria` were set for, as options of calibrate; steps and seeds stay.
void use_synthetic_settings(CalibrateOptions& options);
/// Of a calibration on synthetic_task("five"): excess over `entropy`, nats by domain of the mixture, beside natural's.
/// What takes an interval is told alone where there is one seed.
std::vector<Criterion> synthetic_criteria(const Calibration& calibration, const std::vector<double>& entropy);

/// Of a calibration on any text, over the domains that count; others are taken for noise, which is to lose weight.
std::vector<Criterion> text_criteria(const Calibration& calibration);

bool all_hold(const std::vector<Criterion>& criteria);
train::TextTable criteria_table(const std::vector<Criterion>& criteria);
/// Schema allot.bench/1.
std::string to_json(const std::vector<Criterion>& criteria, int64_t tier);

}  // namespace allot::mixcal
