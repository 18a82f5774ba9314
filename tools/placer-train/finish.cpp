// SPDX-License-Identifier: Apache-2.0
#include "finish.h"

#include <mutex>

#include "base/log.h"
#include "cli/progress.h"
#include "cli/version.h"
#include "plan/outputs.h"
#include "plan/placed.h"
#include "plan/text.h"
#include "policy/baselines.h"
#include "policy/embeddings.h"
#include "policy/page.h"
#include "policy/propose.h"

namespace allot {
namespace {

/// By unit, where a hierarchical policy placed them and not a constructive method: the groups that it finds likeliest
/// as it is now. Otherwise empty.
place::GroupOfUnit groups_of(const policy::Policy& policy, const policy::Task& task,
                             const place::UnitPlacement& found) {
  const policy::CanonicalForm canonical(task.problem);  // elites have it
  for (const auto& seed : task.seeds)
    if (canonical.of(seed.placement) == found) return {};
  const auto likeliest = policy::propose(policy, task.instance, 1, 0, 1);
  return likeliest.groupings.empty() ? place::GroupOfUnit() : likeliest.groupings.front();
}

/// Compares, prints and writes the best placement of one model.
place::Comparison finish_one(const Finish& of, size_t number, plan::NamedInput& model) {
  const auto& common = of.app.common();
  const policy::Task& task = *of.trainer.tasks()[number];
  const place::UnitPlacement found =
      of.finalists && !of.stop ? of.finalists->quickest(number, task) : task.elites.best().placement;
  std::mutex mutex;
  cli::Progress progress("comparing", 0);
  const policy::BaselineOptions baselines{
      .evaluations = task.evaluations,
      .seconds = of.run.seconds(number),
      .seed = static_cast<uint64_t>(common.seed),
      .threads = static_cast<unsigned>(common.threads),
      .searches = of.options.train.searches(),
      .stop = &of.stop,
      .progress = [&](const std::string& what, uint64_t done, const place::Score& best) {
        const std::scoped_lock lock(mutex);
        progress.update(done, plan::score_text(*model.input->problem, best) + "  " + what);
      }};
  const bool measured = of.options.train.measures() || of.options.train.finals != "none";
  const auto comparison = policy::compare(*model.input->problem, found, of.options.train.policy, baselines,
                                          policy::run_baselines(*model.input->problem, baselines), measured);
  place::Budget budget;
  budget.seed = baselines.seed;
  budget.threads = baselines.threads;
  budget.seconds = of.stop ? 0 : -1;
  auto placed = plan::describe(*model.input, comparison, budget);
  const auto groups = groups_of(of.policy, task, found);
  if (comparison.best == 0 && !groups.empty()) plan::note_groups(*model.input, groups, placed);
  fmt::print("{}", common.json ? plan::methods_json(*model.input, placed) : plan::methods_text(*model.input, placed));
  const std::string stem = of.folder.file("best/" + model.name);
  plan::OutputOptions output;
  output.output = stem + ".onnx";
  output.report = stem + ".html";
  plan::write_outputs(*model.input, placed, output, common.replace());
  return comparison;
}

}  // namespace

void finish(const Finish& of, std::vector<plan::NamedInput>& models) {
  std::vector<policy::LearnedModel> learned;
  std::vector<place::Comparison> comparisons;
  for (size_t i = 0; i < models.size(); ++i) {
    const policy::Task& task = *of.trainer.tasks()[i];
    if (of.options.train.measures())
      base::info("{}: measured {}", base::printable(task.name),
                 place::value_text(task.problem.objective(), task.elites.best().score.value));
    comparisons.push_back(finish_one(of, i, models[i]));
  }
  for (size_t i = 0; i < models.size(); ++i)
    learned.push_back({models[i].name, *models[i].input->problem, comparisons[i], "best/" + models[i].name + ".html"});
  if (learned.size() == 1)  // pictures are large
    learned[0].embeddings = emit::embedding_pictures(
        learned[0].problem, policy::learned_embeddings(of.policy, of.trainer.tasks()[0]->instance).picture);
  base::write_file(of.folder.file("report.html"),
                   policy::learning_page(learned, policy::read_metrics(of.folder.file("metrics.jsonl")),
                                         {{"Policy", of.options.train.policy},
                                          {"Cluster", of.options.input.cluster},
                                          {"Reward", of.options.train.reward},
                                          {"Seed", std::to_string(of.app.common().seed)},
                                          {"Version", std::string(cli::version())}}),
                   of.app.common().replace());
}

}  // namespace allot
