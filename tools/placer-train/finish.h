// SPDX-License-Identifier: Apache-2.0
// What follows training: comparison, choice, and what is written for users.
#pragma once

#include <atomic>
#include <vector>

#include "cli/app.h"
#include "measuring.h"
#include "options.h"
#include "policy/training_run.h"

namespace allot {

struct Finish {
  const cli::App& app;
  const Options& options;
  const policy::Policy& policy;
  const policy::Trainer& trainer;
  const policy::TrainingRun& run;
  const Measuring* finalists;  // who choose among the best; null: nobody
  const train::RunFolder& folder;
  const std::atomic<bool>& stop;
};

/// Compares the best placement of each model with what other methods find, prints and writes it, and writes the report.
void finish(const Finish& of, std::vector<plan::NamedInput>& models);

}  // namespace allot
