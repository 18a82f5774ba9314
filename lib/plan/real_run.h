// SPDX-License-Identifier: Apache-2.0
// A placement that is run on this machine, beside what was predicted for it: placer-apply --run.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/file.h"
#include "config/binder.h"
#include "measure/messages.h"
#include "measure/reward.h"
#include "plan/input.h"
#include "plan/placed.h"
#include "plan/runner.h"

namespace allot::plan {

struct RunOptions : RunnerOptions {
  bool run = false;
  std::string runner = "torch";
  std::string inputs, outputs, run_trace;

  void bind(config::Binder& binder);
  /// Errors: usage for options that do not go together, cannot_create for files that may not be written.
  void check(base::Replace replace, const std::vector<std::string>& inputs_of_command) const;
};

/// How the command is used otherwise.
struct RunContext {
  InputOptions input;
  const SearchOptions& search;
  place::Budget budget;
  std::string placement;  // a stored one; "" = the model's annotations, or a search
  base::Replace replace = base::Replace::own;
  bool json = false, dry_run = false;
  uint32_t threads = 0;
};

/// A placement to run, and what the simulator makes of it.
struct Chosen {
  std::string origin;                                        // "annotated", "stored", or the method's name
  std::vector<cluster::DeviceId> device_of_node, placement;  // by node of the main graph; by op
  sim::Outcome outcome;
};

struct RealRun {
  Chosen chosen;
  measure::Measurement measurement;
  std::vector<cluster::DeviceId> used;  // devices of the cluster that took part
  // -- as far as the runner tells
  std::optional<measure::SingleRun> single;
  std::optional<measure::Check> check;
  std::optional<measure::Reply> reply;  // by device of `used`
};

/// Runs MODEL as it is placed and prints what it took. Returns 0, or 1 when its outputs are not those of the run on one
/// device. Started by mpirun, every process takes part, and only the first one prints and writes.
/// Errors: those of placing; of a placement that failed: out_of_memory, else check_failed; unavailable without the
/// program that runs it, or without a device; config when annotations name devices that the cluster lacks.
int run_model(const std::string& model, const RunOptions& options, RunContext context);

/// Measured beside simulated time: in all, per device, of the slowest ops and transfers; whether outputs are right.
std::string real_run_text(const Input& input, const RealRun& run);
/// allot.run/1: all of it.
std::string real_run_json(const Input& input, const RealRun& run);
/// One run as a Perfetto trace. Errors: usage when the runner gives no timeline.
std::string real_run_trace(const Input& input, const RealRun& run);

}  // namespace allot::plan
