// SPDX-License-Identifier: Apache-2.0
// From the runs of a swarm to a mixture, and how sure one can be of it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "config/binder.h"
#include "mixcal/optimize.h"
#include "mixcal/swarm.h"

namespace allot::mixcal {

struct ProposeOptions {
  std::string method = "mixing-law";  // or regmix: the mean of the best of many drawn mixtures
  std::string regressor =
      "auto";  // of mixing-law whichever of log-linear and power predicts better; of regmix quadratic
  std::vector<std::string> objective = {"average"};  // average, worst, or metrics: "name" or "name=weight"
  double kl = 0.05;                                  // pull towards the prior
  int64_t draws = 100'000, best = 100;
  int64_t replicates = 20;  // of the bootstrap
  double least_rank = 0.7;  // rank correlation on left-out runs below which nothing is proposed

  void bind(config::Binder& binder);
  /// All but the method.
  void bind_law(config::Binder& binder);
};

/// How one metric is predicted.
struct Fitted {
  std::string metric, kind, formula;
  Quality quality;
};
/// Fits every metric. Errors: those of fit().
std::vector<Fitted> fit_all(const Swarm& swarm, const ProposeOptions& options, uint64_t seed);

/// The weights of an objective over the metrics of a swarm. Errors: config for an unknown metric or a weight that is no
/// number.
Objective objective_of(const std::vector<std::string>& text, const std::vector<std::string>& metrics);

struct Proposal {
  Weights weights;
  std::vector<double> deviations;                     // over swarms drawn from the runs with replacement
  std::vector<Fitted> fitted;                         // by metric of the objective
  std::vector<double> metrics, at_prior, at_uniform;  // predicted, by metric; NaN where the objective has no weight
  double objective = 0, objective_at_prior = 0, objective_at_uniform = 0;
  std::vector<double> gains;  // of replicates: predicted objective of uniform less that of the replicate's weights,
                              // both by what the whole swarm says
  double nearest = 0;         // largest difference to the nearest mixture that was run
};

/// `prior` is what kl pulls to; caps as in MixtureProblem.
/// Errors: check_failed if a metric of the objective is predicted worse than least_rank; those of fit() and capped();
/// malformed for fewer than four runs.
Proposal propose(const Swarm& swarm, const Weights& prior, const std::vector<double>& caps,
                 const ProposeOptions& options, uint64_t seed);

}  // namespace allot::mixcal
