// SPDX-License-Identifier: Apache-2.0
// What a metric will be on a mixture, learnt from runs on others.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "mixcal/swarm.h"
#include "mixcal/weights.h"

namespace allot::mixcal {

class Regressor {
 public:
  virtual ~Regressor() = default;
  /// The metric on a mixture. `gradient`, unless empty, gets its derivatives in the weights.
  virtual double predict(std::span<const double> weights, std::span<double> gradient) const = 0;
  double predict(std::span<const double> weights) const { return predict(weights, {}); }
  /// The formula with its numbers, for people.
  virtual std::string text() const = 0;
};

/// Runs to learn one metric from; all lists have the same length.
struct Runs {
  std::vector<Weights> ratios;
  std::vector<double> values;
  size_t own = SIZE_MAX;  // the domain that the metric is measured on, if it is one of the mixture
};

/// kind, what it is
///   log-linear  exp(c) + exp(t . w), all numbers by Huber loss and L-BFGS. Ye et al., "Data mixing laws", ICLR 2025,
///               with the defaults of Olmix
///   power       c + a (w_own + b)^-p: the metric of a domain by its own share alone (BiMix, arXiv 2405.14908)
///   quadratic   exp of a ridge regression on w, sqrt(w) and products of two weights
///   linear      least squares
/// Errors: config for log-linear, power and quadratic of values that are not above 0, and for power without `own`.
std::unique_ptr<Regressor> fit(const std::string& kind, const Runs& runs, uint64_t seed = 0);

std::vector<std::string> regressor_kinds();

/// How well a kind predicts runs that it has not seen: each is left out once, in up to 16 groups.
struct Quality {
  double rmse = 0, spearman = 0;
};
Quality cross_validate(const std::string& kind, const Runs& runs, uint64_t seed = 0);

/// Spearman's rank correlation; equal values share their mean rank.
double spearman(std::span<const double> a, std::span<const double> b);

}  // namespace allot::mixcal
