// SPDX-License-Identifier: Apache-2.0
#include "policy/options.h"

#include <algorithm>

namespace allot::policy {

void TrainOptions::bind(config::Binder& binder) {
  constexpr int64_t kMost = int64_t{1} << 40;
  config::Option& which = binder.choice("policy", policy, "gives network and learning their values", preset_names());
  binder.preset(which, {"network", "learning"}, [this] { settings = preset(policy); });
  binder.integer("evaluations", evaluations, "simulations or measurements to spend on each model; 0 = no limit", 0,
                 kMost);
  binder.integer("updates", updates, "of the policy, in all; 0 = no limit", 0, kMost);
  binder.number("seconds", seconds, "to spend in all; -1 = no limit", -1, 1e9);
  binder.choice("reward", reward,
                "what placements are judged by: simulation; runs by LibTorch, ONNX Runtime or --reward-command",
                {"simulated", "measured", "ort", "command"});
  binder.choice("finals", finals, "who runs the best that simulation found, to choose the quickest of them",
                {"none", "measured", "ort", "command"});
  binder.integer("validate_every", validate_every, "updates between looks at the models of --validate", 1, kMost);
  binder.choice("compare", compare,
                "searches that are given, for comparison, what training spent: auto of placer-apply, all others, too",
                {"auto", "all", "none"});
  binder.choice("ranks", ranks,
                "how ranks of mpirun learn: in step, or as controllers of a parameter server, which the first one is",
                {"sync", "async"});
  binder.number("save_every", save_every_s, "time between checkpoints", 0, 1e9, config::Unit::seconds);
  binder.section("network", "what the policy is", [this](config::Binder& b) { settings.network.bind(b); });
  binder.section("learning", "how it learns", [this](config::Binder& b) { settings.learning.bind(b); });
}

void TrainOptions::resolve() {
  settings.resolve();
  if (!measures()) return;
  settings.learning.polished = 0;
  settings.learning.final_search = 0;
}

std::vector<std::string> TrainOptions::searches() const {
  if (compare == "none") return {};
  if (compare == "auto") return {"auto"};
  return {"auto", "anneal", "cem", "brkga"};
}

RunBudget TrainOptions::budget(const std::vector<std::unique_ptr<Task>>& tasks) const {
  RunBudget budget{static_cast<uint64_t>(evaluations), static_cast<uint64_t>(updates), seconds};
  if (evaluations > 0 || updates > 0 || seconds >= 0) return budget;
  if (measures())
    budget.evaluations = 200;
  else
    for (const auto& task : tasks)
      budget.evaluations = std::max(budget.evaluations, place::default_evaluations(task->problem));
  return budget;
}

}  // namespace allot::policy
