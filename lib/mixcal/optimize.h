// SPDX-License-Identifier: Apache-2.0
// The mixture that predicted metrics are best on.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "mixcal/regressor.h"
#include "mixcal/weights.h"

namespace allot::mixcal {

/// What is to become small: a weighted sum of metrics, or the largest of those that have a weight.
struct Objective {
  std::vector<double> weights;  // by metric
  bool worst = false;

  double of(std::span<const double> metrics) const;
};

/// objective + kl * divergence(w, prior) over mixtures below the caps (empty: none).
struct MixtureProblem {
  const std::vector<std::unique_ptr<Regressor>>& regressors;  // by metric; null where the objective gives no weight
  const Objective& objective;
  double kl = 0;
  const Weights& prior;
  const std::vector<double>& caps;
};

/// By exponentiated gradients with a line search and water filling, from the prior and from the uniform mixture; the
/// largest metric as a soft one of falling temperature. For what is convex (log-linear, power) this is the optimum.
/// Errors: those of capped().
Weights minimize_mixture(const MixtureProblem& problem);

/// The mean of the `best` of given mixtures by the same measure. Source: RegMix, arXiv 2407.01492.
Weights best_of(const MixtureProblem& problem, const std::vector<Weights>& mixtures, size_t best);

/// All metrics on a mixture; NaN without a regressor.
std::vector<double> predict_all(const std::vector<std::unique_ptr<Regressor>>& regressors, const Weights& weights);

}  // namespace allot::mixcal
