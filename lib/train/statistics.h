// SPDX-License-Identifier: Apache-2.0
// What several seeds say: means, deviations, and intervals of paired differences.
#pragma once

#include <cstddef>
#include <span>
#include <string>

namespace allot::train {

struct Summary {
  size_t count = 0;
  double mean = 0, deviation = 0;  // of the sample: over count - 1; 0 for one value
  double median = 0, min = 0, max = 0;
};
/// Errors: internal without values.
Summary summarize(std::span<const double> values);

/// A mean and the interval that holds the true one with some confidence.
struct Interval {
  double mean = 0, low = 0, high = 0;
};
/// Student's t-interval of the mean. For one value it reaches from -infinity to infinity.
Interval t_interval(std::span<const double> values, double confidence = 0.95);
/// That of the mean of a[i] - b[i]: equal places are equal seeds. Errors: internal for lists of different lengths.
Interval paired_difference(std::span<const double> a, std::span<const double> b, double confidence = 0.95);

/// "+1.23 [0.40, 2.06]".
std::string difference_text(const Interval& interval, int decimals = 2);

/// Student's distribution of `freedom` > 0 degrees: P(T <= t), and its inverse for 0 < p < 1.
double t_cumulative(double t, double freedom);
double t_quantile(double p, double freedom);

}  // namespace allot::train
