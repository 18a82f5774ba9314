// SPDX-License-Identifier: Apache-2.0
#include "mixcal/minimize.h"

#include <algorithm>
#include <cmath>
#include <deque>
#include <limits>
#include <numeric>

namespace allot::mixcal {
namespace {

using Vector = std::vector<double>;
constexpr size_t kPairs = 12;

double dot(const Vector& a, const Vector& b) { return std::inner_product(a.begin(), a.end(), b.begin(), 0.0); }

void add(Vector& a, double factor, const Vector& b) {
  for (size_t i = 0; i < a.size(); ++i) a[i] += factor * b[i];
}

struct Pair {
  Vector step, change;  // of x and of the gradient
  double curvature;     // their product
};

/// The gradient times the inverse Hessian that the pairs tell of.
Vector direction(const std::deque<Pair>& pairs, Vector gradient) {
  Vector shares;
  for (auto pair = pairs.rbegin(); pair != pairs.rend(); ++pair) {
    shares.push_back(dot(pair->step, gradient) / pair->curvature);
    add(gradient, -shares.back(), pair->change);
  }
  if (!pairs.empty())
    for (double& each : gradient) each *= pairs.back().curvature / dot(pairs.back().change, pairs.back().change);
  for (const Pair& pair : pairs) {
    add(gradient, shares.back() - dot(pair.change, gradient) / pair.curvature, pair.step);
    shares.pop_back();
  }
  for (double& each : gradient) each = -each;
  return gradient;
}

}  // namespace

Minimum minimize(const Smooth& function, std::vector<double> start, int64_t most_steps) {
  Minimum best{std::move(start), 0};
  Vector gradient(best.x.size()), next_gradient(best.x.size());
  best.value = function(best.x, gradient);
  std::deque<Pair> pairs;
  for (int64_t step = 0; step < most_steps; ++step) {
    Vector way = direction(pairs, gradient);
    double slope = dot(gradient, way);
    if (!(slope < 0)) {
      if (pairs.empty()) break;
      pairs.clear();
      continue;
    }
    double length = pairs.empty() ? std::min(1.0, 1 / std::sqrt(-slope)) : 1, low = 0;
    double high = std::numeric_limits<double>::infinity();
    Minimum next;
    bool found = false;
    for (int tries = 0; tries < 60 && !found; ++tries) {
      next.x = best.x;
      add(next.x, length, way);
      next.value = function(next.x, next_gradient);
      if (!(next.value <= best.value + 1e-4 * length * slope))
        high = length;
      else if (dot(next_gradient, way) < 0.9 * slope)
        low = length;
      else
        found = true;
      if (!found) length = std::isinf(high) ? 2 * length : (low + high) / 2;
    }
    if (!(next.value < best.value)) break;
    Pair pair{next.x, next_gradient, 0};
    add(pair.step, -1, best.x);
    add(pair.change, -1, gradient);
    pair.curvature = dot(pair.step, pair.change);
    const bool still = best.value - next.value <= 1e-15 * std::max(1.0, std::abs(best.value));
    best = std::move(next);
    gradient = next_gradient;
    if (still) break;
    if (pair.curvature > 1e-300) pairs.push_back(std::move(pair));
    if (pairs.size() > kPairs) pairs.pop_front();
  }
  return best;
}

}  // namespace allot::mixcal
