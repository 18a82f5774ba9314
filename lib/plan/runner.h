// SPDX-License-Identifier: Apache-2.0
// Who runs placements to be measured, as options name it.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "config/binder.h"
#include "measure/reward.h"
#include "measure/run_settings.h"
#include "plan/input.h"

namespace allot::plan {

struct RunnerOptions {
  std::string reward_command, python = "python3";
  int64_t repeat = 20, warm_up = 2;
  double timeout = 600;
  bool emulate = false;

  void bind(config::Binder& binder);
};

measure::RunSettings run_settings(const Input& input, const RunnerOptions& options, uint64_t seed, uint32_t threads);

/// Times alone, without checks of outputs. kind: "torch", "ort" or "command". The input must outlive it.
/// Errors: usage for a command that is missing or without {model}, and for a model from standard input.
std::unique_ptr<measure::Runner> make_runner(const std::string& kind, Input& input, const RunnerOptions& options,
                                             uint64_t seed, uint32_t threads);

}  // namespace allot::plan
