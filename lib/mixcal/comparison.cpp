// SPDX-License-Identifier: Apache-2.0
#include "mixcal/comparison.h"

#include <algorithm>
#include <limits>

#include "train/statistics.h"

namespace allot::mixcal {
namespace {

using data::Part;

/// The average validation loss over the steps of a run.
std::vector<std::pair<double, double>> curve_of(const Trainings& runs, const std::string& folder,
                                                const std::vector<size_t>& over) {
  std::vector<std::pair<double, double>> points;
  const std::vector<std::string> names = runs.store().names();
  for (const train::Record& record : runs.records(folder)) {
    if (record.phase != "evaluate") continue;
    std::vector<double> losses;
    for (const std::string& name : names) losses.push_back(record.metrics.at("validation." + name));
    points.emplace_back(static_cast<double>(record.step), mean_over(losses, over));
  }
  return points;
}

std::optional<LanguageModel> train_primary(const Trainings& runs, const TrainSettings& settings, const Weights& weights,
                                           uint64_t seed, const std::string& folder) {
  LanguageModel model = runs.fresh(settings.model, seed, kPrimaryRole);
  const Lesson lesson = runs.lesson(training_parts(), seed, kPrimaryStream);
  SamplingJob job(model, settings, lesson, weights);
  if (!runs.run(job, model, settings, folder, text_of(weights))) return std::nullopt;
  return model;
}

std::vector<double> test_losses(const LanguageModel& model, const data::TokenStore& store,
                                const TrainSettings& settings) {
  return evaluate(model, store, Part::test, 4 * settings.evaluation);
}

}  // namespace

double mean_over(const std::vector<double>& values, const std::vector<size_t>& over) {
  double total = 0;
  for (const size_t i : over) total += values[i] / static_cast<double>(over.size());
  return total;
}

Verdict judge(const Arm& arm, const Arm& other, const std::vector<size_t>& over) {
  Verdict verdict;
  for (size_t seed = 0; seed < arm.losses.size(); ++seed) {
    verdict.averages.push_back(mean_over(arm.losses[seed], over));
    double worst = -std::numeric_limits<double>::infinity();
    for (const size_t i : over) worst = std::max(worst, arm.losses[seed][i]);
    verdict.worsts.push_back(worst);
    double steps = std::numeric_limits<double>::quiet_NaN();
    const auto& points = arm.curves[seed];
    const double goal = other.curves[seed].empty() ? 0 : other.curves[seed].back().second;
    for (size_t i = points.size(); i-- > 0;)
      if (points[i].second <= goal) steps = points[i].first;
    verdict.steps.push_back(steps);
  }
  return verdict;
}

bool is_better(const Arm& found, const Arm& even, const std::vector<size_t>& over) {
  if (found.losses.empty()) return false;
  const Verdict of_found = judge(found, even, over), of_even = judge(even, even, over);
  if (of_found.averages.size() == 1) return of_found.averages[0] < of_even.averages[0];
  return train::paired_difference(of_found.averages, of_even.averages).high < 0;
}

bool is_worse(const Arm& found, const Arm& even, const std::vector<size_t>& over) {
  if (found.losses.size() < 2) return false;
  const Verdict of_found = judge(found, even, over), of_even = judge(even, even, over);
  return train::paired_difference(of_found.averages, of_even.averages).low > 0;
}

std::string beside_uniform(const std::string& name, const Arm& found, const Arm& even,
                           const std::vector<size_t>& over) {
  if (is_better(found, even, over)) return "";
  return fmt::format("{} is not better than uniform shares on this data{}", name,
                     is_worse(found, even, over) ? ": it is worse, beyond the interval over seeds" : "");
}

std::optional<double> compare(const Trainings& runs, const std::vector<NamedWeights>& mixes,
                              const TrainSettings& primary, uint64_t seed, const std::string& folder,
                              const std::vector<size_t>& over, std::vector<Arm>& arms) {
  double flops = 0;
  if (arms.empty())
    for (const auto& [name, weights] : mixes) arms.push_back({name, weights, {}, {}});
  for (size_t i = 0; i < mixes.size(); ++i) {
    const auto& [name, weights] = mixes[i];
    const std::string place = folder + (i + 1 == mixes.size() ? "on-found" : "on-" + name);
    const auto model = train_primary(runs, primary, weights, seed, place);
    if (!model) return std::nullopt;
    flops += flops_of(6, *model, primary);
    arms[i].weights = weights;
    arms[i].losses.push_back(test_losses(*model, runs.store(), primary));
    arms[i].curves.push_back(curve_of(runs, place, over));
  }
  return flops;
}

std::vector<double> train_on(const data::TokenStore& store, const Weights& weights, const TrainSettings& settings,
                             const CalibrateContext& context) {
  const Trainings runs(store, context);
  const auto model = train_primary(runs, settings, weights, context.seed, ".");
  if (!model) return {};
  return test_losses(*model, store, settings);
}

std::optional<OnlinePrimary> train_online_primary(const data::TokenStore& store, const OnlineOptions& how,
                                                  const TrainSettings& settings, const CalibrateContext& context) {
  const Trainings runs(store, context);
  auto stage = train_online(runs, settings, how, context.seed, ".", kPrimaryRole);
  if (!stage) return std::nullopt;
  std::vector<double> losses = test_losses(stage->proxy.model, store, settings);
  return OnlinePrimary{std::move(losses), std::move(*stage)};
}

}  // namespace allot::mixcal
