// SPDX-License-Identifier: Apache-2.0
#include "mixcal/propose.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>

#include "base/error.h"
#include "base/rng.h"
#include "base/stopped.h"
#include "cli/app.h"

namespace allot::mixcal {
namespace {

using base::Error;
using base::ErrorKind;

constexpr uint32_t kBootstrapStream = 0x6d697862;
constexpr size_t kFewest = 4;

/// A law that is half fitted is worth nothing.
void leave_if_stopped() {
  if (cli::stop_requested()) throw base::Stopped();
}

Runs runs_of(const Swarm& swarm, size_t metric) {
  Runs runs{swarm.ratios, {}, SIZE_MAX};
  for (const auto& row : swarm.values) runs.values.push_back(row[metric]);
  const auto own = std::find(swarm.domains.begin(), swarm.domains.end(), swarm.metrics[metric]);
  if (own != swarm.domains.end()) runs.own = static_cast<size_t>(own - swarm.domains.begin());
  return runs;
}

std::vector<std::string> kinds_of(const ProposeOptions& options, const Runs& runs) {
  if (options.regressor != "auto") return {options.regressor};
  if (options.method == "regmix") return {"quadratic"};
  if (runs.own == SIZE_MAX) return {"log-linear"};
  return {"log-linear", "power"};
}

Fitted fit_one(const Swarm& swarm, size_t metric, const ProposeOptions& options, uint64_t seed) {
  const Runs runs = runs_of(swarm, metric);
  Fitted best;
  for (const std::string& kind : kinds_of(options, runs)) {
    leave_if_stopped();
    const Quality quality = cross_validate(kind, runs, seed);
    if (best.kind.empty() || quality.rmse < best.quality.rmse)
      best = {swarm.metrics[metric], kind, fit(kind, runs, seed)->text(), quality};
  }
  return best;
}

Swarm resampled(const Swarm& swarm, uint64_t seed, uint32_t replicate) {
  Swarm drawn{swarm.domains, swarm.metrics, {}, {}, {}};
  base::Rng rng(seed, kBootstrapStream, replicate);
  for (size_t i = 0; i < swarm.size(); ++i) {
    const size_t run = rng.below(static_cast<uint32_t>(swarm.size()));
    drawn.runs.push_back(swarm.runs[run]);
    drawn.ratios.push_back(swarm.ratios[run]);
    drawn.values.push_back(swarm.values[run]);
  }
  return drawn;
}

using Regressors = std::vector<std::unique_ptr<Regressor>>;

Regressors regressors_of(const Swarm& swarm, const std::vector<std::string>& kinds, uint64_t seed) {
  Regressors regressors;
  for (size_t metric = 0; metric < kinds.size(); ++metric)
    regressors.push_back(kinds[metric].empty() ? nullptr : fit(kinds[metric], runs_of(swarm, metric), seed));
  return regressors;
}

/// Mixtures that regmix chooses among: drawn as those of the swarm were, around it.
std::vector<Weights> candidates(const Swarm& swarm, const std::vector<double>& caps, const ProposeOptions& options,
                                uint64_t seed) {
  Weights centre(swarm.domains.size());
  for (const Weights& weights : swarm.ratios)
    for (size_t i = 0; i < centre.size(); ++i) centre[i] += weights[i] / static_cast<double>(swarm.size());
  // As far from their centre as the runs are: a Dirichlet distribution of strength s has variance m (1 - m) / (s + 1).
  double variance = 0, largest = 0;
  for (size_t i = 0; i < centre.size(); ++i) {
    for (const Weights& weights : swarm.ratios)
      variance += (weights[i] - centre[i]) * (weights[i] - centre[i]) / static_cast<double>(swarm.size());
    largest += centre[i] * (1 - centre[i]);
  }
  const double strength = std::max(0.1, largest / std::max(variance, 1e-9) - 1) / static_cast<double>(centre.size());
  return sample_mixtures(
      centre, {.runs = options.draws, .exponent = 1, .least = strength / 4, .most = strength * 4, .floor = 0}, caps,
      seed);
}

}  // namespace

void ProposeOptions::bind(config::Binder& binder) {
  binder.choice("method", method,
                "how a mixture comes from a swarm: the optimum of a law, or the mean of the best of many",
                {"mixing-law", "regmix"});
  bind_law(binder);
}

void ProposeOptions::bind_law(config::Binder& binder) {
  std::vector<std::string> kinds = {"auto"};
  for (const std::string& kind : regressor_kinds()) kinds.push_back(kind);
  binder.choice("regressor", regressor,
                "what predicts metrics; auto = of a law the better of log-linear and power, of regmix quadratic",
                kinds);
  binder.list("objective", objective, "what is to become small: average, worst, or metrics as NAME or NAME=WEIGHT");
  binder.number("kl", kl, "pull towards the prior, times the divergence in nats; 0 follows the law wherever it leads",
                0, 1e6);
  binder.integer("draws", draws, "of regmix: mixtures to choose among", 1, 1 << 24);
  binder.integer("best", best, "of regmix: how many of them make the mean", 1, 1 << 24);
  binder.integer("replicates", replicates, "swarms drawn from the runs with replacement, for intervals", 0, 10'000);
  binder.number("least_rank", least_rank, "rank correlation on left-out runs that a law must reach", -1, 1);
}

Objective objective_of(const std::vector<std::string>& text, const std::vector<std::string>& metrics) {
  Objective objective{std::vector<double>(metrics.size()), text == std::vector<std::string>{"worst"}};
  if (text.empty() || objective.worst || text == std::vector<std::string>{"average"}) {
    objective.weights = uniform(metrics.size());
    return objective;
  }
  for (const std::string& each : text) {
    const size_t equals = std::min(each.rfind('='), each.size());
    const std::string name = each.substr(0, equals), number = each.substr(std::min(equals + 1, each.size()));
    double weight = 1;
    const auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), weight);
    if (!number.empty() && (error != std::errc() || end != number.data() + number.size() || !std::isfinite(weight)))
      throw Error(ErrorKind::config, "--objective", fmt::format("'{}' is no number", base::printable(number)),
                  "write NAME=0.5");
    const auto found = std::find(metrics.begin(), metrics.end(), name);
    if (found == metrics.end())
      throw Error(ErrorKind::config, "--objective", fmt::format("there is no metric '{}'", base::printable(name)),
                  base::suggestion(name, metrics));
    objective.weights[static_cast<size_t>(found - metrics.begin())] += weight;
  }
  return objective;
}

std::vector<Fitted> fit_all(const Swarm& swarm, const ProposeOptions& options, uint64_t seed) {
  std::vector<Fitted> fitted;
  for (size_t metric = 0; metric < swarm.metrics.size(); ++metric)
    fitted.push_back(fit_one(swarm, metric, options, seed));
  return fitted;
}

Proposal propose(const Swarm& swarm, const Weights& prior, const std::vector<double>& caps,
                 const ProposeOptions& options, uint64_t seed) {
  if (swarm.size() < kFewest)
    throw Error(ErrorKind::malformed, "swarm", fmt::format("has {} runs with metrics", swarm.size()),
                fmt::format("run {} mixtures or more", runs_of(SamplingOptions{}, swarm.domains.size())));
  const Objective objective = objective_of(options.objective, swarm.metrics);
  Proposal proposal;
  std::vector<std::string> kinds(swarm.metrics.size());
  for (size_t metric = 0; metric < kinds.size(); ++metric) {
    if (objective.weights[metric] == 0) continue;
    Fitted fitted = fit_one(swarm, metric, options, seed);
    if (fitted.quality.spearman < options.least_rank)
      throw Error(ErrorKind::check_failed, base::printable(fitted.metric),
                  fmt::format("{} predicts runs that it has not seen with a rank correlation of {:.2f} only",
                              fitted.kind, fitted.quality.spearman),
                  "run more mixtures, or longer ones; --law.least-rank lowers the bar");
    kinds[metric] = fitted.kind;
    proposal.fitted.push_back(std::move(fitted));
  }
  const bool regmix = options.method == "regmix";
  const std::vector<Weights> drawn = regmix ? candidates(swarm, caps, options, seed) : std::vector<Weights>{};
  const auto solve = [&](const Regressors& regressors) {
    const MixtureProblem problem{regressors, objective, options.kl, prior, caps};
    return regmix ? best_of(problem, drawn, static_cast<size_t>(options.best)) : minimize_mixture(problem);
  };
  const Regressors regressors = regressors_of(swarm, kinds, seed);
  proposal.weights = solve(regressors);
  const Weights even = uniform(prior.size());
  proposal.metrics = predict_all(regressors, proposal.weights);
  proposal.at_prior = predict_all(regressors, prior);
  proposal.at_uniform = predict_all(regressors, even);
  proposal.objective = objective.of(proposal.metrics);
  proposal.objective_at_prior = objective.of(proposal.at_prior);
  proposal.objective_at_uniform = objective.of(proposal.at_uniform);
  std::vector<Weights> others;
  for (int64_t replicate = 0; replicate < options.replicates; ++replicate) {
    leave_if_stopped();
    others.push_back(solve(regressors_of(resampled(swarm, seed, static_cast<uint32_t>(replicate)), kinds, seed)));
    proposal.gains.push_back(proposal.objective_at_uniform - objective.of(predict_all(regressors, others.back())));
  }
  proposal.deviations.assign(prior.size(), 0);
  for (size_t i = 0; i < prior.size() && others.size() > 1; ++i) {
    double mean = 0, squares = 0;
    for (const Weights& other : others) mean += other[i] / static_cast<double>(others.size());
    for (const Weights& other : others) squares += (other[i] - mean) * (other[i] - mean);
    proposal.deviations[i] = std::sqrt(squares / static_cast<double>(others.size() - 1));
  }
  proposal.nearest = std::numeric_limits<double>::infinity();
  for (const Weights& run : swarm.ratios)
    proposal.nearest = std::min(proposal.nearest, largest_difference(run, proposal.weights));
  return proposal;
}

}  // namespace allot::mixcal
