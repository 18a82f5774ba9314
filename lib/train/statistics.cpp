// SPDX-License-Identifier: Apache-2.0
#include "train/statistics.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <vector>

#include "base/error.h"

namespace allot::train {
namespace {

/// The continued fraction of the incomplete beta function by Lentz's method.
/// Source: NIST Digital Library of Mathematical Functions, 8.17.22.
double beta_fraction(double a, double b, double x) {
  constexpr double kTiny = 1e-300, kPrecision = 1e-16;
  const auto nonzero = [](double value) { return std::abs(value) < kTiny ? kTiny : value; };
  double c = 1, d = 1 / nonzero(1 - (a + b) * x / (a + 1)), result = d;
  for (int m = 1; m < 10'000; ++m) {
    const double even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m));
    d = 1 / nonzero(1 + even * d);
    c = nonzero(1 + even / c);
    result *= c * d;
    const double odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1));
    d = 1 / nonzero(1 + odd * d);
    c = nonzero(1 + odd / c);
    result *= c * d;
    if (std::abs(c * d - 1) < kPrecision) break;
  }
  return result;
}

/// The regularised incomplete beta function I_x(a, b).
double incomplete_beta(double a, double b, double x) {
  if (x <= 0 || x >= 1) return x <= 0 ? 0 : 1;
  const double front =
      std::exp(std::lgamma(a + b) - std::lgamma(a) - std::lgamma(b) + a * std::log(x) + b * std::log1p(-x));
  if (x < (a + 1) / (a + b + 2)) return front * beta_fraction(a, b, x) / a;
  return 1 - front * beta_fraction(b, a, 1 - x) / b;
}

}  // namespace

Summary summarize(std::span<const double> values) {
  ALLOT_ASSERT(!values.empty());
  std::vector<double> sorted(values.begin(), values.end());
  std::sort(sorted.begin(), sorted.end());
  const size_t count = sorted.size();
  Summary summary{.count = count, .min = sorted.front(), .max = sorted.back()};
  summary.mean = std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(count);
  double squares = 0;
  for (const double value : values) squares += (value - summary.mean) * (value - summary.mean);
  if (count > 1) summary.deviation = std::sqrt(squares / static_cast<double>(count - 1));
  summary.median = (sorted[(count - 1) / 2] + sorted[count / 2]) / 2;
  return summary;
}

Interval t_interval(std::span<const double> values, double confidence) {
  const Summary summary = summarize(values);
  double reach = std::numeric_limits<double>::infinity();
  if (summary.count > 1) {
    const auto count = static_cast<double>(summary.count);
    reach = t_quantile((1 + confidence) / 2, count - 1) * summary.deviation / std::sqrt(count);
  }
  return {summary.mean, summary.mean - reach, summary.mean + reach};
}

Interval paired_difference(std::span<const double> a, std::span<const double> b, double confidence) {
  ALLOT_ASSERT(a.size() == b.size());
  std::vector<double> differences;
  for (size_t i = 0; i < a.size(); ++i) differences.push_back(a[i] - b[i]);
  return t_interval(differences, confidence);
}

std::string difference_text(const Interval& interval, int decimals) {
  return fmt::format("{:+.{}f} [{:.{}f}, {:.{}f}]", interval.mean, decimals, interval.low, decimals, interval.high,
                     decimals);
}

double t_cumulative(double t, double freedom) {
  const double tail = incomplete_beta(freedom / 2, 0.5, freedom / (freedom + t * t)) / 2;
  return t > 0 ? 1 - tail : tail;
}

double t_quantile(double p, double freedom) {
  if (p < 0.5) return -t_quantile(1 - p, freedom);
  double low = 0, high = 1;
  while (t_cumulative(high, freedom) < p) high *= 2;
  for (int i = 0; i < 200 && low < high; ++i) {
    const double middle = low + (high - low) / 2;
    if (middle == low || middle == high) break;
    (t_cumulative(middle, freedom) < p ? low : high) = middle;
  }
  return high;
}

}  // namespace allot::train
