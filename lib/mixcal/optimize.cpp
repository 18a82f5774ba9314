// SPDX-License-Identifier: Apache-2.0
#include "mixcal/optimize.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "base/error.h"

namespace allot::mixcal {
namespace {

constexpr int kSteps = 4000;
constexpr double kLeast = 1e-9;  // weights never become 0 on the way, or they could not come back

class Descent {
 public:
  explicit Descent(const MixtureProblem& problem) : problem_(problem), slopes_(problem.prior.size()) {
    std::vector<double> values = predict_all(problem.regressors, uniform(problem.prior.size()));
    values.erase(std::remove_if(values.begin(), values.end(), [](double v) { return std::isnan(v); }), values.end());
    scale_ = *std::max_element(values.begin(), values.end()) - *std::min_element(values.begin(), values.end());
    scale_ = std::max(scale_, 1e-3 * std::abs(values[0]));
  }

  Weights run(Weights weights) {
    if (!problem_.objective.worst) return go(weights, 0);
    for (const double sharpness : {10.0, 100.0, 1000.0, 10000.0}) weights = go(weights, sharpness / scale_);
    return weights;
  }

 private:
  /// Value and gradient; sharpness 0: of the sum, else of the soft maximum.
  double value(const Weights& weights, double sharpness, std::vector<double>& gradient) {
    std::fill(gradient.begin(), gradient.end(), 0.0);
    std::vector<double> values(problem_.regressors.size(), -std::numeric_limits<double>::infinity());
    std::vector<std::vector<double>> slopes(values.size());
    double total = 0;
    for (size_t i = 0; i < values.size(); ++i) {
      const double share = problem_.objective.weights[i];
      if (share == 0) continue;
      slopes[i].resize(weights.size());
      values[i] = problem_.regressors[i]->predict(weights, slopes[i]);
      if (sharpness > 0) continue;
      total += share * values[i];
      for (size_t d = 0; d < weights.size(); ++d) gradient[d] += share * slopes[i][d];
    }
    if (sharpness > 0) {
      const double largest = *std::max_element(values.begin(), values.end());
      double sum = 0;
      for (const double each : values) sum += std::exp(sharpness * (each - largest));
      total = largest + std::log(sum) / sharpness;
      for (size_t i = 0; i < values.size(); ++i)
        for (size_t d = 0; d < slopes[i].size(); ++d)
          gradient[d] += std::exp(sharpness * (values[i] - largest)) / sum * slopes[i][d];
    }
    if (problem_.kl > 0) {
      total += problem_.kl * divergence(weights, problem_.prior);
      for (size_t d = 0; d < weights.size(); ++d)
        gradient[d] += problem_.kl * (1 + std::log(std::max(weights[d], kLeast) / std::max(problem_.prior[d], kLeast)));
    }
    return total;
  }

  Weights go(Weights weights, double sharpness) {
    double now = value(weights, sharpness, slopes_), length = 0.1 / scale_;
    std::vector<double> next_slopes(weights.size());
    for (int step = 0; step < kSteps; ++step) {
      bool found = false;
      for (int tries = 0; tries < 40 && !found; ++tries) {
        Weights next = moved(weights, length);
        const double then = value(next, sharpness, next_slopes);
        if (then < now) {
          found = now - then > 1e-13 * std::abs(now);
          weights = std::move(next), now = then, slopes_.swap(next_slopes);
          length *= 1.6;
          break;
        }
        length /= 2;
      }
      if (!found) break;
    }
    return weights;
  }

  Weights moved(const Weights& weights, double length) const {
    const double least = *std::min_element(slopes_.begin(), slopes_.end());
    Weights next(weights.size());
    for (size_t i = 0; i < next.size(); ++i)
      next[i] = std::max(weights[i] * std::exp(-length * (slopes_[i] - least)), kLeast);
    next = normalized(std::move(next));
    return problem_.caps.empty() ? next : capped(next, problem_.caps);
  }

  const MixtureProblem& problem_;
  std::vector<double> slopes_;
  double scale_ = 1;
};

double measure(const MixtureProblem& problem, const Weights& weights) {
  return problem.objective.of(predict_all(problem.regressors, weights)) +
         (problem.kl > 0 ? problem.kl * divergence(weights, problem.prior) : 0);
}

}  // namespace

double Objective::of(std::span<const double> metrics) const {
  double total = 0, largest = -std::numeric_limits<double>::infinity();
  for (size_t i = 0; i < metrics.size(); ++i) {
    if (weights[i] == 0) continue;
    total += weights[i] * metrics[i];
    largest = std::max(largest, metrics[i]);
  }
  return worst ? largest : total;
}

Weights minimize_mixture(const MixtureProblem& problem) {
  Weights best;
  for (Weights start : {problem.prior, uniform(problem.prior.size())}) {
    for (double& weight : start) weight = std::max(weight, 1e-4);
    start = normalized(std::move(start));
    if (!problem.caps.empty()) start = capped(start, problem.caps);
    Weights found = Descent(problem).run(std::move(start));
    if (best.empty() || measure(problem, found) < measure(problem, best)) best = std::move(found);
  }
  return best;
}

Weights best_of(const MixtureProblem& problem, const std::vector<Weights>& mixtures, size_t best) {
  std::vector<std::pair<double, size_t>> order;
  for (size_t i = 0; i < mixtures.size(); ++i) order.emplace_back(measure(problem, mixtures[i]), i);
  best = std::min(best, order.size());
  std::partial_sort(order.begin(), order.begin() + static_cast<std::ptrdiff_t>(best), order.end());
  Weights mean(problem.prior.size());
  for (size_t i = 0; i < best; ++i)
    for (size_t d = 0; d < mean.size(); ++d) mean[d] += mixtures[order[i].second][d];
  return normalized(std::move(mean));
}

std::vector<double> predict_all(const std::vector<std::unique_ptr<Regressor>>& regressors, const Weights& weights) {
  std::vector<double> values;
  for (const auto& regressor : regressors)
    values.push_back(regressor ? regressor->predict(weights) : std::numeric_limits<double>::quiet_NaN());
  return values;
}

}  // namespace allot::mixcal
