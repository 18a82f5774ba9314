// SPDX-License-Identifier: Apache-2.0
#include "measure/robust_mean.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

namespace allot::measure {
namespace {

constexpr int kMostPasses = 10;
constexpr double kMargin = 1.5;
constexpr double kDeviation = 1.4826;  // standard deviation of normal samples over their median absolute deviation

double median_of_sorted(const std::vector<double>& sorted) {
  const size_t half = sorted.size() / 2;
  if (sorted.empty()) return 0;
  return sorted.size() % 2 ? sorted[half] : sorted[half - 1] + (sorted[half] - sorted[half - 1]) / 2;
}

double pass(const std::vector<double>& sorted, double mean, double margin) {
  const auto first = std::lower_bound(sorted.begin(), sorted.end(), mean - margin);
  const auto last = std::upper_bound(first, sorted.end(), mean + margin);
  if (first == last) return mean;
  const double pull = margin * static_cast<double>((sorted.end() - last) - (first - sorted.begin()));
  return (std::accumulate(first, last, 0.0) + pull) / static_cast<double>(last - first);
}

}  // namespace

double median(std::span<const double> samples) {
  std::vector<double> sorted(samples.begin(), samples.end());
  std::sort(sorted.begin(), sorted.end());
  return median_of_sorted(sorted);
}

double robust_mean(std::span<const double> samples) {
  std::vector<double> sorted(samples.begin(), samples.end());
  std::sort(sorted.begin(), sorted.end());
  double mean = median_of_sorted(sorted);
  std::vector<double> deviations;
  for (const double x : sorted) deviations.push_back(std::abs(x - mean));
  const double margin = kMargin * kDeviation * median(deviations);
  if (margin == 0) return mean;
  for (int i = 0; i < kMostPasses; ++i) {
    const double next = pass(sorted, mean, margin);
    if (next == mean) break;
    mean = next;
  }
  return mean;
}

}  // namespace allot::measure
