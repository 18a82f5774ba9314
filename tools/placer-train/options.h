// SPDX-License-Identifier: Apache-2.0
// The options of placer-train.
#pragma once

#include <string>
#include <vector>

#include "plan/input.h"
#include "plan/runner.h"
#include "policy/options.h"

namespace allot {

struct Options {
  plan::InputOptions input;
  policy::TrainOptions train;
  plan::RunnerOptions runner;
  std::string output, from;
  std::vector<std::string> validate, clusters;
  bool resume = false;

  void bind(config::Binder& binder) {
    input.bind(binder);
    input.bind_goal(binder);
    train.bind(binder);
    runner.bind(binder);
    binder.text("output", output, "folder of the run").cli_only = true;
    binder.text("from", from, "begin with this policy (.safetensors), whose network it takes").cli_only = true;
    binder.list("validate", validate, "see what the policy makes of this model, which it is not trained on").cli_only =
        true;
    binder.list("clusters", clusters, "train for these clusters, too: every model on each");
    binder.flag("resume", resume, "go on with the run in that folder").cli_only = true;
  }
};

}  // namespace allot
