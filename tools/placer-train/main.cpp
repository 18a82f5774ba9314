// SPDX-License-Identifier: Apache-2.0
// placer-train: learns to place the operations of ONNX models on devices.
#include <string>
#include <vector>

#include "base/error.h"
#include "base/log.h"
#include "cli/app.h"
#include "cli/progress.h"
#include "dist/team.h"
#include "finish.h"
#include "options.h"
#include "plan/text.h"
#include "setup.h"

namespace {

using namespace allot;

void go_on(policy::TrainingRun& run, const policy::Trainer& trainer, bool measured, bool shown) {
  if (!shown) return run.go_on({});
  cli::Progress progress("training", 0);
  run.go_on([&](size_t task, const policy::Metric& step) {
    if (step.phase == "validation") return;
    const double share = run.share_spent();
    if (share > 0) progress.set_total(static_cast<uint64_t>(static_cast<double>(run.evaluations()) / share));
    const std::string whose = trainer.tasks().size() > 1 ? " for " + step.model : "";
    const auto& problem = trainer.tasks()[task]->problem;
    // Bounds are of simulated times.
    const std::string best =
        measured ? place::value_text(problem.objective(), step.best.value) : plan::score_text(problem, step.best);
    progress.update(run.evaluations(),
                    fmt::format("{}{}  {} {}  entropy {:.3f}", best, whose, step.phase, step.update, step.entropy));
  });
}

/// Errors: usage for options that do not go together.
void check_options(const Options& options, const dist::Team& team) {
  if (options.output.empty())
    throw base::Error(base::ErrorKind::usage, "--output", "is missing", "name a folder for the run: -o run/");
  if (team.size() > 1 && (options.train.measures() || options.train.finals != "none"))
    throw base::Error(base::ErrorKind::usage, "mpirun",
                      "would measure on several ranks at once, which disturb each other",
                      "run it without mpirun, or leave --reward and --finals out");
  if (team.size() == 1 && options.train.ranks == "async")
    throw base::Error(base::ErrorKind::usage, "--ranks async", "needs a server and at least one controller",
                      "start it by mpirun -n 2 or more");
}

int learn(const cli::App& app, Options& options, const std::vector<std::string>& paths, dist::Team& team) {
  const auto& common = app.common();
  const auto seed = static_cast<uint64_t>(common.seed);
  const bool together = team.size() > 1;
  const unsigned threads = common.threads > 0 || !together ? static_cast<unsigned>(common.threads) : team.cores();
  check_options(options, team);
  options.train.resolve();
  const auto& [reward, finals] = std::pair(options.train.reward, options.train.finals);
  if (!options.input.target_given && (reward == "ort" || finals == "ort")) options.input.target = "ort";
  auto models = load_models(paths, options.input, options.clusters);
  std::unique_ptr<Measuring> rewards, finalists;
  if (options.train.measures()) rewards = std::make_unique<Measuring>(reward, models, options.runner, seed, threads);
  if (finals != "none") finalists = std::make_unique<Measuring>(finals, models, options.runner, seed, threads);
  policy::Policy policy = make_policy(options.from, options.train.settings.network, models, seed);
  const bool in_step = options.train.ranks == "sync";
  const Judging judging{rewards.get(), threads, in_step ? &team : nullptr, together ? nullptr : &team.stop_requested()};
  policy::Trainer trainer(
      policy, options.train.settings.learning, make_tasks(models, policy, judging),
      {.seed = seed, .threads = threads, .stop = &team.stop_requested(), .team = &team, .in_step = in_step});
  if (team.is_first())
    for (const auto& task : trainer.tasks())
      base::info("{}: {} units to place on {} devices", base::printable(task->name), task->instance.elements(),
                 task->instance.devices());
  if (common.dry_run) return 0;
  const auto unseen = plan::load_all(options.validate, options.input);
  std::unique_ptr<train::RunFolder> folder;
  if (team.is_first())
    folder = std::make_unique<train::RunFolder>(options.output, config::dump_yaml(app.binder(), false), options.resume,
                                                common.replace(), std::vector<std::string>{"compare", "save_every"});
  policy::TrainingRun run(policy, trainer, folder.get(),
                          {.budget = options.train.budget(trainer.tasks()),
                           .final_search = options.train.settings.learning.final_search,
                           .save_every_s = options.train.save_every_s,
                           .stop = &team.stop_requested(),
                           .fingerprints = fingerprints(models),
                           .validation = make_tasks(unseen, policy, {nullptr, threads, nullptr, judging.stop}),
                           .validate_every = static_cast<uint64_t>(options.train.validate_every)});
  run.begin();
  go_on(run, trainer, options.train.measures(), team.is_first());
  if (team.is_first()) {
    finish({app, options, policy, trainer, run, finalists.get(), *folder, team.stop_requested()}, models);
    if (team.stop_code() != 0) base::warn("stopped early; --resume goes on");
  }
  return team.stop_code();
}

}  // namespace

int main(int argc, char** argv) {
  cli::App app("placer-train", "Learns to place the operations of ONNX models on devices");
  Options options;
  std::vector<std::string> models;
  app.positionals("MODEL", models, "ONNX models to learn on", 1, 100'000);
  app.bind([&](config::Binder& binder) { options.bind(binder); });
  app.short_flag("o", "output");
  app.example("placer-train model.onnx --cluster cluster.yaml -o run/", "the best placement, in run/best/");
  app.example("placer-train models/*.onnx --seconds 600 -o run/", "one policy for many models");
  app.example("placer-train model.onnx --from run/best/policy.safetensors -o tuned/", "fine-tune a policy");
  app.example("placer-train model.onnx --policy iclr2018 --updates 1000 -o paper/", "as published");
  app.example("placer-train model.onnx --resume --seconds 1200 -o run/", "go on");
  app.example("mpirun -n 4 placer-train models/*.onnx -o run/", "on four ranks");
  return app.run(argc, argv, [&] {
    dist::Team team(dist::ranks(), {.stop = &cli::stop_requested(), .stop_code = cli::stop_exit_code});
    if (!team.is_first()) base::configure_log({"placer-train", base::LogLevel::quiet, false, ""});
    return team.run([&] { return learn(app, options, models, team); });
  });
}
