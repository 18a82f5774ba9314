// SPDX-License-Identifier: Apache-2.0
#include "mixcal/regressor.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <optional>

#include "base/error.h"
#include "base/rng.h"
#include "mixcal/linear_system.h"
#include "mixcal/minimize.h"

namespace allot::mixcal {
namespace {

using base::Error;
using base::ErrorKind;

constexpr uint32_t kStream = 0x6d697872;
constexpr int kStarts = 8;
constexpr double kHuber = 2;     // of standard deviations of the values: farther residuals count linearly
constexpr double kRidge = 1e-6;  // on exponents of log-linear: keeps directions that no run tells of still

double bounded_exp(double x) { return std::exp(std::clamp(x, -60.0, 60.0)); }

struct Scale {
  double mean = 0, deviation = 0, least = 0;
};
Scale scale_of(std::span<const double> values) {
  Scale scale;
  for (const double value : values) scale.mean += value / static_cast<double>(values.size());
  for (const double value : values) scale.deviation += (value - scale.mean) * (value - scale.mean);
  scale.deviation = std::sqrt(scale.deviation / static_cast<double>(values.size()));
  if (!(scale.deviation > 0)) scale.deviation = 1;
  scale.least = *std::min_element(values.begin(), values.end());
  return scale;
}

/// Huber's loss of a residual and its slope.
std::pair<double, double> huber(double residual) {
  if (std::abs(residual) <= kHuber) return {0.5 * residual * residual, residual};
  const double slope = residual > 0 ? kHuber : -kHuber;
  return {slope * residual - 0.5 * kHuber * kHuber, slope};
}

class LogLinear : public Regressor {
 public:
  LogLinear(double c, std::vector<double> t) : c_(c), t_(std::move(t)) {}
  double predict(std::span<const double> weights, std::span<double> gradient) const override {
    const double rest = bounded_exp(std::inner_product(t_.begin(), t_.end(), weights.begin(), 0.0));
    for (size_t i = 0; i < gradient.size(); ++i) gradient[i] = rest * t_[i];
    return bounded_exp(c_) + rest;
  }
  std::string text() const override {
    std::string text = fmt::format("{:.4g} + exp(", std::exp(c_));
    for (size_t i = 0; i < t_.size(); ++i) text += fmt::format("{}{:.3g} w{}", i > 0 ? " + " : "", t_[i], i);
    return text + ")";
  }

 private:
  double c_;
  std::vector<double> t_;
};

std::unique_ptr<Regressor> fit_log_linear(const Runs& runs, uint64_t seed) {
  const size_t domains = runs.ratios[0].size();
  const Scale scale = scale_of(runs.values);
  const auto count = static_cast<double>(runs.values.size());
  const Smooth error = [&](std::span<const double> x, std::span<double> gradient) {
    double total = 0;
    std::fill(gradient.begin(), gradient.end(), 0.0);
    const double floor = bounded_exp(x[0]);
    for (size_t run = 0; run < runs.values.size(); ++run) {
      const Weights& w = runs.ratios[run];
      const double rest = bounded_exp(std::inner_product(w.begin(), w.end(), x.begin() + 1, 0.0));
      const auto [loss, slope] = huber((floor + rest - runs.values[run]) / scale.deviation);
      total += loss / count;
      const double by_value = slope / scale.deviation / count;
      gradient[0] += by_value * floor;
      for (size_t i = 0; i < domains; ++i) gradient[i + 1] += by_value * rest * w[i];
    }
    for (size_t i = 1; i <= domains; ++i) total += kRidge * x[i] * x[i], gradient[i] += 2 * kRidge * x[i];
    return total;
  };
  std::optional<Minimum> best;
  for (int start = 0; start < kStarts; ++start) {
    base::Rng rng(seed, kStream, static_cast<uint32_t>(start));
    std::vector<double> x = {std::log(scale.least * (0.1 + 0.85 * rng.uniform()))};
    const double rest = std::log(std::max(scale.mean - std::exp(x[0]), 1e-9 * scale.mean));
    for (size_t i = 0; i < domains; ++i) x.push_back(rest + 0.5 * rng.normal());
    Minimum found = minimize(error, std::move(x));
    if (!best || found.value < best->value) best = std::move(found);
  }
  return std::make_unique<LogLinear>(best->x[0], std::vector<double>(best->x.begin() + 1, best->x.end()));
}

class Power : public Regressor {
 public:
  Power(size_t own, double c, double a, double shift, double p) : own_(own), c_(c), a_(a), shift_(shift), p_(p) {}
  double predict(std::span<const double> weights, std::span<double> gradient) const override {
    const double share = weights[own_] + shift_, rest = a_ * std::pow(share, -p_);
    std::fill(gradient.begin(), gradient.end(), 0.0);
    if (!gradient.empty()) gradient[own_] = -p_ * rest / share;
    return c_ + rest;
  }
  std::string text() const override {
    return fmt::format("{:.4g} + {:.3g} (w{} + {:.2g})^-{:.3g}", c_, a_, own_, shift_, p_);
  }

 private:
  size_t own_;
  double c_, a_, shift_, p_;
};

std::unique_ptr<Regressor> fit_power(const Runs& runs, uint64_t seed) {
  const Scale scale = scale_of(runs.values);
  const auto count = static_cast<double>(runs.values.size());
  // Logarithms of c, a, shift and p. Residuals are relative: values span decades where shares do.
  const Smooth error = [&](std::span<const double> x, std::span<double> gradient) {
    const double c = bounded_exp(x[0]), a = bounded_exp(x[1]), shift = bounded_exp(x[2]), p = bounded_exp(x[3]);
    double total = 0;
    std::fill(gradient.begin(), gradient.end(), 0.0);
    for (size_t run = 0; run < runs.values.size(); ++run) {
      const double share = runs.ratios[run][runs.own] + shift, rest = a * std::pow(share, -p), value = c + rest;
      const auto [loss, slope] = huber(100 * (std::log(value) - std::log(runs.values[run])));
      total += loss / count;
      const double by_value = 100 * slope / value / count;
      gradient[0] += by_value * c;
      gradient[1] += by_value * rest;
      gradient[2] -= by_value * rest * p * shift / share;
      gradient[3] -= by_value * rest * p * std::log(share);
    }
    return total;
  };
  std::optional<Minimum> best;
  for (int start = 0; start < kStarts; ++start) {
    base::Rng rng(seed, kStream, static_cast<uint32_t>(start), 1);
    const double c = scale.least * std::pow(10, -3 * rng.uniform()), p = std::exp(-1.5 + 2 * rng.uniform());
    Minimum found = minimize(
        error,
        {std::log(c), std::log(std::max(scale.mean - c, 1e-9)) - p, std::log(1e-4) + 4 * rng.uniform(), std::log(p)},
        2000);
    if (!best || found.value < best->value) best = std::move(found);
  }
  const auto& x = best->x;
  return std::make_unique<Power>(runs.own, bounded_exp(x[0]), bounded_exp(x[1]), bounded_exp(x[2]), bounded_exp(x[3]));
}

/// Least squares on features of a mixture that are brought to mean 0 and deviation 1.
class Ridge : public Regressor {
 public:
  Ridge(bool quadratic, const Runs& runs, double ridge) : quadratic_(quadratic) {
    std::vector<std::vector<double>> rows;
    for (const Weights& weights : runs.ratios) rows.push_back(features(weights));
    const size_t width = rows[0].size();
    const auto count = static_cast<double>(rows.size());
    mean_.assign(width, 0), deviation_.assign(width, 0);
    for (size_t i = 0; i < width; ++i) {
      for (const auto& row : rows) mean_[i] += row[i] / count;
      for (const auto& row : rows) deviation_[i] += (row[i] - mean_[i]) * (row[i] - mean_[i]) / count;
      deviation_[i] = deviation_[i] > 1e-20 ? std::sqrt(deviation_[i]) : 1;
    }
    std::vector<double> matrix(width * width), right(width);
    for (size_t run = 0; run < rows.size(); ++run) {
      const double target = quadratic_ ? std::log(runs.values[run]) : runs.values[run];
      offset_ += target / count;
      for (size_t i = 0; i < width; ++i) {
        const double left = (rows[run][i] - mean_[i]) / deviation_[i];
        right[i] += left * target / count;
        for (size_t j = 0; j < width; ++j)
          matrix[i * width + j] += left * (rows[run][j] - mean_[j]) / deviation_[j] / count;
      }
    }
    for (size_t i = 0; i < width; ++i) matrix[i * width + i] += ridge;
    factors_ = solve_positive(std::move(matrix), std::move(right));
  }

  double predict(std::span<const double> weights, std::span<double> gradient) const override {
    const std::vector<double> values = features(weights);
    double total = offset_;
    for (size_t i = 0; i < values.size(); ++i) total += factor(i) * (values[i] - mean_[i]);
    const double outer = quadratic_ ? bounded_exp(total) : 1;
    for (size_t i = 0; i < gradient.size(); ++i) gradient[i] = outer * slope(weights, i);
    return quadratic_ ? outer : total;
  }
  std::string text() const override {
    return fmt::format("{} of {} features", quadratic_ ? "exp of a ridge regression" : "linear function",
                       factors_.size());
  }

 private:
  double factor(size_t feature) const { return factors_[feature] / deviation_[feature]; }
  /// w, then sqrt(w), then w_i w_j for i <= j.
  std::vector<double> features(std::span<const double> weights) const {
    std::vector<double> values(weights.begin(), weights.end());
    if (!quadratic_) return values;
    for (const double weight : weights) values.push_back(std::sqrt(weight));
    for (size_t i = 0; i < weights.size(); ++i)
      for (size_t j = i; j < weights.size(); ++j) values.push_back(weights[i] * weights[j]);
    return values;
  }
  double slope(std::span<const double> weights, size_t domain) const {
    double total = factor(domain);
    if (!quadratic_) return total;
    const size_t domains = weights.size();
    total += factor(domains + domain) * 0.5 / std::sqrt(std::max(weights[domain], 1e-6));
    size_t next = 2 * domains;
    for (size_t i = 0; i < domains; ++i)
      for (size_t j = i; j < domains; ++j, ++next) {
        if (i == domain) total += factor(next) * weights[j];
        if (j == domain) total += factor(next) * weights[i];
      }
    return total;
  }

  bool quadratic_;
  double offset_ = 0;
  std::vector<double> mean_, deviation_, factors_;
};

void check_positive(const std::string& kind, const Runs& runs) {
  for (const double value : runs.values)
    if (!(value > 0))
      throw Error(ErrorKind::config, "--regressor",
                  fmt::format("{} is for metrics above 0, and one is {}", kind, value), "use linear, or give losses");
}

std::vector<double> ranks(std::span<const double> values) {
  std::vector<size_t> order(values.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::sort(order.begin(), order.end(), [&](size_t a, size_t b) { return values[a] < values[b]; });
  std::vector<double> result(values.size());
  for (size_t begin = 0, end = 0; begin < order.size(); begin = end) {
    while (end < order.size() && values[order[end]] == values[order[begin]]) ++end;
    for (size_t i = begin; i < end; ++i) result[order[i]] = static_cast<double>(begin + end - 1) / 2;
  }
  return result;
}

}  // namespace

std::vector<std::string> regressor_kinds() { return {"log-linear", "power", "quadratic", "linear"}; }

std::unique_ptr<Regressor> fit(const std::string& kind, const Runs& runs, uint64_t seed) {
  ALLOT_ASSERT(!runs.ratios.empty() && runs.ratios.size() == runs.values.size());
  if (kind == "linear") return std::make_unique<Ridge>(false, runs, 1e-9);
  check_positive(kind, runs);
  if (kind == "quadratic") return std::make_unique<Ridge>(true, runs, 1e-5);
  if (kind == "log-linear") return fit_log_linear(runs, seed);
  ALLOT_ASSERT(kind == "power");
  if (runs.own >= runs.ratios[0].size())
    throw Error(ErrorKind::config, "--regressor", "power is for metrics that have the name of a domain",
                "use log-linear");
  return fit_power(runs, seed);
}

Quality cross_validate(const std::string& kind, const Runs& runs, uint64_t seed) {
  const size_t count = runs.values.size(), groups = std::min<size_t>(16, count);
  std::vector<double> predicted(count);
  double squares = 0;
  for (size_t group = 0; group < groups; ++group) {
    Runs seen{{}, {}, runs.own};
    for (size_t run = 0; run < count; ++run)
      if (run % groups != group) seen.ratios.push_back(runs.ratios[run]), seen.values.push_back(runs.values[run]);
    if (seen.values.empty()) return {};
    const auto regressor = fit(kind, seen, seed);
    for (size_t run = group; run < count; run += groups) {
      predicted[run] = regressor->predict(runs.ratios[run]);
      squares += (predicted[run] - runs.values[run]) * (predicted[run] - runs.values[run]);
    }
  }
  return {std::sqrt(squares / static_cast<double>(count)), spearman(predicted, runs.values)};
}

double spearman(std::span<const double> a, std::span<const double> b) {
  ALLOT_ASSERT(a.size() == b.size());
  const std::vector<double> x = ranks(a), y = ranks(b);
  const double middle = (static_cast<double>(a.size()) - 1) / 2;
  double xy = 0, xx = 0, yy = 0;
  for (size_t i = 0; i < x.size(); ++i) {
    xy += (x[i] - middle) * (y[i] - middle);
    xx += (x[i] - middle) * (x[i] - middle);
    yy += (y[i] - middle) * (y[i] - middle);
  }
  return xx > 0 && yy > 0 ? xy / std::sqrt(xx * yy) : 0;
}

}  // namespace allot::mixcal
