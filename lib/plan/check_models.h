// SPDX-License-Identifier: Apache-2.0
// The regression check of one model or many against stored placements, and how baselines are renewed.
#pragma once

#include <string>
#include <vector>

#include "base/file.h"
#include "config/binder.h"
#include "place/check.h"
#include "plan/input.h"
#include "plan/placed.h"

namespace allot::plan {

struct CheckOptions {
  std::string check;                                // a baseline, or a folder of <model stem>.placement.json; "" = off
  std::vector<std::string> max_regression = {"2%"};  // "2%" for every metric, "crossings=0" for one
  std::vector<std::string> check_format;            // "junit=report.xml", "github"; empty = text, or JSON with --json
  bool update = false;

  void bind(config::Binder& binder);
  /// Errors: usage for an unknown metric or a bad fraction.
  place::Tolerances tolerances() const;
};

/// How each model is placed anew.
struct CheckContext {
  const InputOptions& input;
  const SearchOptions& search;
  place::Budget budget;
  base::Replace replace = base::Replace::own;
  bool json = false, dry_run = false;
};

/// Checks every model, or with `update` stores what is best today: the fresh placement, or the stored one where that
/// still scores better. Prints the reports. Returns the exit code: 0, that of the first model that could not be
/// placed, or 1 when one got worse. A single model's error is thrown instead.
/// Errors: usage, and input_missing for a baseline that does not exist; cannot_create for report files.
int check_models(const std::vector<std::string>& models, const CheckOptions& options, const CheckContext& context);

}  // namespace allot::plan
