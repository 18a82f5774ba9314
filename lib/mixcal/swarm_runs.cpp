// SPDX-License-Identifier: Apache-2.0
#include "mixcal/swarm_runs.h"

#include "dist/team.h"

namespace allot::mixcal {
namespace {

/// What came of one run; no losses if it was stopped.
struct Run {
  std::vector<double> losses = {};
  double flops = 0;
};

Run run_one(const Trainings& runs, const TrainSettings& settings, const Weights& weights, uint64_t seed,
            const std::string& folder) {
  LanguageModel model = runs.fresh(settings.model, seed, kSwarmRole);
  const Lesson lesson = runs.lesson(training_parts(), seed, kSwarmStream);
  SamplingJob job(model, settings, lesson, weights);
  if (!runs.run(job, model, settings, folder, text_of(weights))) return {};
  return {evaluate(model, runs.store(), data::Part::validation, settings.evaluation), flops_of(6, model, settings)};
}

}  // namespace

std::optional<SwarmRuns> run_swarm(const data::TokenStore& store, const CalibrateContext& context,
                                   const TrainSettings& settings, const std::vector<Weights>& mixtures, uint64_t seed,
                                   const std::string& folder) {
  CalibrateContext alone = context;
  alone.team = nullptr;
  const Trainings runs(store, alone);
  const auto name = [](size_t i) { return fmt::format("{:04}", i); };
  std::vector<Run> ran(mixtures.size());
  for (const size_t i : dist::dealt(context.team, mixtures.size())) {
    ran[i] = run_one(runs, settings, mixtures[i], seed, folder + name(i));
    if (ran[i].losses.empty()) break;
  }
  dist::exchange(
      context.team, ran,
      [](dist::WireWriter& out, const Run& run) {
        out.number(run.flops);
        out.number(run.losses.size());
        for (const double loss : run.losses) out.number(loss);
      },
      [](dist::WireReader& in) {
        Run run{.flops = in.number<double>()};
        run.losses.resize(in.number<size_t>());
        for (double& loss : run.losses) loss = in.number<double>();
        return run;
      });
  SwarmRuns all{{store.names(), store.names(), {}, mixtures, {}}, 0};
  for (size_t i = 0; i < ran.size(); ++i) {
    if (ran[i].losses.empty()) return std::nullopt;
    all.swarm.runs.push_back(name(i));
    all.swarm.values.push_back(ran[i].losses);
    all.flops += ran[i].flops;
  }
  return all;
}

}  // namespace allot::mixcal
