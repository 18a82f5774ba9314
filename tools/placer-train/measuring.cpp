// SPDX-License-Identifier: Apache-2.0
#include "measuring.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/log.h"
#include "cli/app.h"
#include "cli/progress.h"
#include "config/units.h"
#include "policy/halving.h"

namespace allot {

Measuring::Measuring(const std::string& kind, const std::vector<plan::NamedInput>& models,
                     const plan::RunnerOptions& options, uint64_t seed, uint32_t threads)
    : models_(models) {
  for (const auto& [name, input] : models)
    runners_.push_back(plan::make_runner(kind == "measured" ? "torch" : kind, *input, options, seed, threads));
}

policy::Execution Measuring::execution(size_t model) const {
  return {runners_[model].get(), [&input = *models_[model].input](const place::UnitPlacement& placement) {
            return input.device_of_node(input.problem->as_written(placement));
          }};
}

place::UnitPlacement Measuring::quickest(size_t model, const policy::Task& task) const {
  std::vector<place::UnitPlacement> candidates;
  for (size_t i = 0; i < std::min<size_t>(task.elites.size(), 32); ++i) candidates.push_back(task.elites[i].placement);
  // Each measurement is the robust mean of --repeat runs: one is enough to begin with.
  policy::HalvingOptions options{.first_runs = 1, .stop = &cli::stop_requested()};
  cli::Progress progress("measuring the best", policy::halving_runs(candidates.size(), options));
  options.measured = [&](uint64_t runs, size_t left) { progress.update(runs, fmt::format("{} left", left)); };
  const auto finalists = policy::successive_halving(execution(model), candidates, options);
  const auto& first = finalists.front();
  const auto simulated = std::find_if(finalists.begin(), finalists.end(), [](auto& f) { return f.candidate == 0; });
  base::info("{}: of {} placements the quickest takes {}, measured in {} runs; the best by simulation {}",
             base::printable(task.name), candidates.size(), config::human_time(first.mean_seconds), first.runs,
             simulated->failure.empty() ? "takes " + config::human_time(simulated->mean_seconds) : "fails");
  return candidates[first.candidate];
}

}  // namespace allot
