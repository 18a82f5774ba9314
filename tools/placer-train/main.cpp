// SPDX-License-Identifier: Apache-2.0
// placer-train: learns to place the operations of ONNX models on devices.
#include <mutex>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/log.h"
#include "cli/app.h"
#include "cli/progress.h"
#include "cli/version.h"
#include "plan/input.h"
#include "plan/outputs.h"
#include "plan/placed.h"
#include "plan/text.h"
#include "policy/baselines.h"
#include "policy/options.h"
#include "policy/page.h"
#include "setup.h"

namespace {

using namespace allot;

struct Options {
  plan::InputOptions input;
  policy::TrainOptions train;
  plan::RunnerOptions runner;
  std::string output, from;
  std::vector<std::string> validate;
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
    binder.flag("resume", resume, "go on with the run in that folder").cli_only = true;
  }
};

void go_on(policy::TrainingRun& run, const policy::Trainer& trainer, bool measured) {
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

/// Compares, prints and writes the best placement of one model.
place::Comparison finish(const cli::App& app, const Options& options, plan::NamedInput& model,
                         const place::UnitPlacement& found, uint64_t evaluations, double seconds,
                         const train::RunFolder& folder) {
  const auto& common = app.common();
  std::mutex mutex;
  cli::Progress progress("comparing", 0);
  const policy::BaselineOptions baselines{
      .evaluations = evaluations,
      .seconds = seconds,
      .seed = static_cast<uint64_t>(common.seed),
      .threads = static_cast<unsigned>(common.threads),
      .searches = options.train.searches(),
      .stop = &cli::stop_requested(),
      .progress = [&](const std::string& what, uint64_t done, const place::Score& best) {
        const std::scoped_lock lock(mutex);
        progress.update(done, plan::score_text(*model.input->problem, best) + "  " + what);
      }};
  const bool measured = options.train.measures() || options.train.finals != "none";
  const auto comparison = policy::compare(*model.input->problem, found, options.train.policy, baselines,
                                          policy::run_baselines(*model.input->problem, baselines), measured);
  place::Budget budget;
  budget.seed = baselines.seed;
  budget.threads = baselines.threads;
  budget.seconds = cli::stop_requested() ? 0 : -1;
  const auto placed = plan::describe(*model.input, comparison, budget);
  fmt::print("{}", common.json ? plan::methods_json(*model.input, placed) : plan::methods_text(*model.input, placed));
  const std::string stem = folder.file("best/" + model.name);
  plan::OutputOptions output;
  output.output = stem + ".onnx";
  output.report = stem + ".html";
  plan::write_outputs(*model.input, placed, output, common.replace());
  return comparison;
}

int learn(const cli::App& app, Options& options, const std::vector<std::string>& paths) {
  const auto& common = app.common();
  const auto seed = static_cast<uint64_t>(common.seed);
  const auto threads = static_cast<unsigned>(common.threads);
  if (options.output.empty())
    throw base::Error(base::ErrorKind::usage, "--output", "is missing", "name a folder for the run: -o run/");
  options.train.resolve();
  const auto& [reward, finals] = std::pair(options.train.reward, options.train.finals);
  if (!options.input.target_given && (reward == "ort" || finals == "ort")) options.input.target = "ort";
  auto models = plan::load_all(paths, options.input);
  std::unique_ptr<Measuring> rewards, finalists;
  if (options.train.measures()) rewards = std::make_unique<Measuring>(reward, models, options.runner, seed, threads);
  if (finals != "none") finalists = std::make_unique<Measuring>(finals, models, options.runner, seed, threads);
  policy::Policy policy = make_policy(options.from, options.train.settings.network, models, seed);
  policy::Trainer trainer(policy, options.train.settings.learning, make_tasks(models, policy, rewards.get(), threads),
                          {.seed = seed, .threads = threads, .stop = &cli::stop_requested()});
  for (const auto& task : trainer.tasks())
    base::info("{}: {} units to place on {} devices", base::printable(task->name), task->instance.elements(),
               task->instance.devices());
  if (common.dry_run) return 0;
  const auto unseen = plan::load_all(options.validate, options.input);
  train::RunFolder folder(options.output, config::dump_yaml(app.binder(), false), options.resume, common.replace(),
                          {"compare", "save_every"});
  policy::TrainingRun run(policy, trainer, folder,
                          {.budget = options.train.budget(trainer.tasks()),
                           .final_search = options.train.settings.learning.final_search,
                           .save_every_s = options.train.save_every_s,
                           .stop = &cli::stop_requested(),
                           .fingerprints = fingerprints(models),
                           .validation = make_tasks(unseen, policy, nullptr, threads),
                           .validate_every = static_cast<uint64_t>(options.train.validate_every)});
  run.begin();
  go_on(run, trainer, options.train.measures());
  std::vector<place::Comparison> comparisons;
  for (size_t i = 0; i < models.size(); ++i) {
    const policy::Task& task = *trainer.tasks()[i];
    if (rewards)
      base::info("{}: measured {}", base::printable(task.name),
                 place::value_text(task.problem.objective(), task.elites.best().score.value));
    const bool choose = finalists && !cli::stop_requested();
    comparisons.push_back(finish(app, options, models[i],
                                 choose ? finalists->quickest(i, task) : task.elites.best().placement, task.evaluations,
                                 run.seconds(i), folder));
  }
  std::vector<policy::LearnedModel> learned;
  for (size_t i = 0; i < models.size(); ++i)
    learned.push_back({models[i].name, *models[i].input->problem, comparisons[i], "best/" + models[i].name + ".html"});
  base::write_file(folder.file("report.html"),
                   policy::learning_page(learned, policy::read_metrics(folder.file("metrics.jsonl")),
                                         {{"Policy", options.train.policy},
                                          {"Cluster", options.input.cluster},
                                          {"Reward", reward},
                                          {"Seed", std::to_string(seed)},
                                          {"Version", std::string(cli::version())}}),
                   common.replace());
  if (cli::stop_requested()) base::warn("stopped early; --resume goes on");
  return cli::stop_exit_code();
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
  return app.run(argc, argv, [&] { return learn(app, options, models); });
}
