// SPDX-License-Identifier: Apache-2.0
#include "policy/baselines.h"

#include <chrono>

#include "base/stopped.h"

namespace allot::policy {
namespace {

place::Budget budget_of(const BaselineOptions& options, Budgeted by, const std::string& method) {
  place::Budget budget;
  if (by == Budgeted::evaluations) budget.evaluations = options.evaluations;
  if (by == Budgeted::seconds) budget.seconds = options.seconds;
  budget.seed = options.seed;
  budget.threads = options.threads;
  budget.stop = options.stop;
  if (options.progress)
    budget.progress = [&options, what = fmt::format("{}, {}", method, name(by))](uint64_t done, const auto& best) {
      options.progress(what, done, best);
    };
  return budget;
}

/// The search as a whole: its constructive beginning counts.
Baseline whole(const place::Comparison& comparison, Budgeted by, const std::string& method, double seconds) {
  Baseline all{by, comparison.methods[comparison.best]};
  all.result.method = method;
  all.result.seconds = seconds;
  all.result.evaluations = 0;
  for (const place::MethodResult& each : comparison.methods) all.result.evaluations += each.evaluations;
  return all;
}

}  // namespace

std::string_view name(Budgeted by) {
  switch (by) {
    case Budgeted::once:
      return "once";
    case Budgeted::evaluations:
      return "equal evaluations";
    case Budgeted::seconds:
      break;
  }
  return "equal seconds";
}

std::vector<Baseline> run_baselines(const place::Problem& problem, const BaselineOptions& options) {
  std::vector<Baseline> baselines;
  try {
    for (place::MethodResult& each : place::compare(problem, "single", budget_of(options, Budgeted::once, "")).methods)
      baselines.push_back({Budgeted::once, std::move(each)});
    for (const std::string& method : options.searches)
      for (const Budgeted by : {Budgeted::evaluations, Budgeted::seconds}) {
        if (by == Budgeted::evaluations ? options.evaluations == 0 : options.seconds <= 0) continue;
        const auto start = std::chrono::steady_clock::now();
        const place::Comparison found = place::compare(problem, method, budget_of(options, by, method));
        const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
        baselines.push_back(whole(found, by, method, seconds.count()));
      }
  } catch (const base::Stopped&) {  // what others gave is worth keeping
  }
  return baselines;
}

place::Comparison compare(const place::Problem& problem, const place::UnitPlacement& found, const std::string& name,
                          const BaselineOptions& options, const std::vector<Baseline>& baselines, bool must_be_found) {
  place::Evaluator evaluator(problem);
  place::Comparison comparison;
  comparison.methods.push_back({.method = name,
                                .placement = found,
                                .score = evaluator.score_as_written(found),
                                .outcome = evaluator.outcome_as_written(found),
                                .evaluations = options.evaluations,
                                .seconds = options.seconds});
  for (const Baseline& each : baselines) {
    comparison.methods.push_back(each.result);
    if (each.by != Budgeted::once) comparison.methods.back().method += fmt::format(" ({})", policy::name(each.by));
    if (!must_be_found && each.result.score < comparison.methods[comparison.best].score)
      comparison.best = comparison.methods.size() - 1;
  }
  return comparison;
}

}  // namespace allot::policy
