// SPDX-License-Identifier: Apache-2.0
#include "plan/runner.h"

#include "base/error.h"
#include "measure/command_runner.h"
#include "measure/ort_runner.h"
#include "measure/torch_runner.h"

namespace allot::plan {

void RunnerOptions::bind(config::Binder& binder) {
  binder.text("reward_command", reward_command, "prints seconds as its last line; {model} stands for the placed model");
  binder.text("python", python, "interpreter that has onnxruntime, where that runs models");
  binder.integer("repeat", repeat, "runs that are timed", 1, 1'000'000);
  binder.integer("warm_up", warm_up, "runs before them that are not", 0, 1'000'000);
  binder.number("timeout", timeout, "a placement fails when it is not measured in this time", 0.001, 1e9,
                config::Unit::seconds);
  binder.flag("emulate", emulate, "run every device as a CPU worker: this machine need not have them");
}

measure::RunSettings run_settings(const Input& input, const RunnerOptions& options, uint64_t seed, uint32_t threads) {
  measure::RunSettings settings;
  settings.dims = bound_dims(input);
  settings.seed = seed;
  settings.threads = threads;
  settings.training = input.workload.kind != "inference";
  settings.emulate = options.emulate;
  settings.warm_up = static_cast<uint32_t>(options.warm_up);
  settings.repeat = static_cast<uint32_t>(options.repeat);
  settings.timeout_seconds = options.timeout;
  return settings;
}

std::unique_ptr<measure::Runner> make_runner(const std::string& kind, Input& input, const RunnerOptions& options,
                                             uint64_t seed, uint32_t threads) {
  const cluster::Cluster& cluster = input.problem->cluster();
  measure::RunSettings settings = run_settings(input, options, seed, threads);
  settings.check = settings.timeline = false;
  if (input.path == "-")
    throw base::Error(base::ErrorKind::usage, "MODEL", "must be a file that others can read to be measured", "name it");
  if (kind == "torch") return std::make_unique<measure::TorchRunner>(input.path, cluster, settings);
  if (kind == "ort") return std::make_unique<measure::OrtRunner>(options.python, input.model, cluster, settings);
  if (options.reward_command.empty())
    throw base::Error(base::ErrorKind::usage, "--reward-command", "is missing",
                      "add --reward-command 'bench.sh {model}'");
  return std::make_unique<measure::CommandRunner>(options.reward_command, input.model, cluster, options.timeout);
}

}  // namespace allot::plan
