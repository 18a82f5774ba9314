// SPDX-License-Identifier: Apache-2.0
#include "mixcal/weights.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "base/error.h"

namespace allot::mixcal {
namespace {

using base::Error;
using base::ErrorKind;

constexpr double kMillion = 1e6;  // places of rounded()

double sum(std::span<const double> values) { return std::accumulate(values.begin(), values.end(), 0.0); }

/// Domains without weight take what is left after all others were brought down to their caps.
void fill_empty(Weights& weights, std::span<const double> caps, double left) {
  double room = 0;
  for (size_t i = 0; i < weights.size(); ++i)
    if (weights[i] == 0) room += caps[i];
  for (size_t i = 0; i < weights.size(); ++i)
    if (weights[i] == 0 && room > 0) weights[i] = caps[i] * left / room;
}

}  // namespace

Weights normalized(Weights weights, const std::string& where) {
  for (const double weight : weights)
    if (!(weight >= 0) || std::isinf(weight))
      throw Error(ErrorKind::malformed, where, fmt::format("holds the weight {}", weight),
                  "give numbers of at least 0");
  const double total = sum(weights);
  if (!(total > 0)) throw Error(ErrorKind::malformed, where, "give no domain any weight", "give one at least");
  for (double& weight : weights) weight /= total;
  return weights;
}

Weights uniform(size_t domains) { return Weights(domains, 1 / static_cast<double>(domains)); }

Weights natural(std::span<const double> tokens) { return normalized({tokens.begin(), tokens.end()}, "tokens"); }

Weights temperature(std::span<const double> tokens, double exponent) {
  Weights weights(tokens.begin(), tokens.end());
  for (double& weight : weights) weight = weight > 0 ? std::pow(weight, exponent) : 0;
  return normalized(std::move(weights), "tokens");
}

Weights unimax(std::span<const double> tokens, double budget, double epochs) {
  return capped(uniform(tokens.size()), caps_of(tokens, budget, epochs));
}

std::vector<double> epochs_of(std::span<const double> weights, std::span<const double> tokens, double budget) {
  std::vector<double> epochs(weights.size());
  for (size_t i = 0; i < weights.size(); ++i) epochs[i] = weights[i] == 0 ? 0 : weights[i] * budget / tokens[i];
  return epochs;
}

std::vector<double> caps_of(std::span<const double> tokens, double budget, double epochs) {
  std::vector<double> caps(tokens.size());
  for (size_t i = 0; i < tokens.size(); ++i) caps[i] = std::min(1.0, epochs * tokens[i] / budget);
  return caps;
}

Weights capped(const Weights& weights, std::span<const double> caps) {
  ALLOT_ASSERT(weights.size() == caps.size());
  if (const double room = sum(caps); room < 1 - 1e-12)
    throw Error(
        ErrorKind::config, "--max-epochs",
        fmt::format("allows {:.1f} % of the tokens that are to be drawn, from all domains together", 100 * room),
        "raise it, lower the budget of tokens, or give more data");
  Weights result = weights;
  std::vector<bool> full(weights.size());
  for (bool grows = true; grows;) {
    grows = false;
    double fixed = 0, free = 0;
    for (size_t i = 0; i < result.size(); ++i) (full[i] ? fixed : free) += full[i] ? caps[i] : weights[i];
    for (size_t i = 0; i < result.size(); ++i)
      result[i] = full[i] ? caps[i] : free > 0 ? weights[i] * (1 - fixed) / free : 0;
    if (free == 0) {
      fill_empty(result, caps, 1 - fixed);
      break;
    }
    for (size_t i = 0; i < result.size(); ++i)
      if (!full[i] && result[i] > caps[i] * (1 + 1e-12)) full[i] = grows = true;
  }
  return result;
}

double effective_domains(std::span<const double> weights) {
  double squares = 0;
  for (const double weight : weights) squares += weight * weight;
  return 1 / squares;
}

double largest_difference(std::span<const double> a, std::span<const double> b) {
  double largest = 0;
  for (size_t i = 0; i < a.size(); ++i) largest = std::max(largest, std::abs(a[i] - b[i]));
  return largest;
}

double divergence(std::span<const double> a, std::span<const double> b) {
  double total = 0;
  for (size_t i = 0; i < a.size(); ++i)
    if (a[i] > 0) total += a[i] * std::log(a[i] / std::max(b[i], 1e-9));
  return total;
}

Weights rounded(const Weights& weights) {
  std::vector<int64_t> parts;
  for (const double weight : weights)
    parts.push_back(weight > 0 ? std::max<int64_t>(1, std::llround(weight * kMillion)) : 0);
  // The largest takes what rounding changed.
  const auto largest = std::max_element(parts.begin(), parts.end());
  *largest += static_cast<int64_t>(kMillion) - std::accumulate(parts.begin(), parts.end(), int64_t{0});
  Weights result;
  for (const int64_t part : parts) result.push_back(static_cast<double>(part) / kMillion);
  return result;
}

}  // namespace allot::mixcal
