// SPDX-License-Identifier: Apache-2.0
// Real runs of the models that are trained on: as rewards, and to choose among what simulation found.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "plan/runner.h"
#include "policy/measured_reward.h"
#include "policy/task.h"

namespace allot {

class Measuring {
 public:
  /// kind: "measured" (by LibTorch), "ort" or "command". The models must outlive it.
  /// Errors: those of plan::make_runner.
  Measuring(const std::string& kind, const std::vector<plan::NamedInput>& models, const plan::RunnerOptions& options,
            uint64_t seed, uint32_t threads);

  policy::Execution execution(size_t model) const;
  /// The quickest of the up to 32 best placements of a task, by successive halving; tells what it took beside the
  /// best by simulation. Errors: those of policy::successive_halving.
  place::UnitPlacement quickest(size_t model, const policy::Task& task) const;

 private:
  const std::vector<plan::NamedInput>& models_;
  std::vector<std::unique_ptr<measure::Runner>> runners_;
};

}  // namespace allot
