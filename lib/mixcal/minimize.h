// SPDX-License-Identifier: Apache-2.0
// Minima of smooth functions of a few hundred numbers.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

namespace allot::mixcal {

/// The value at x, and its gradient there in `gradient`, of the same length.
using Smooth = std::function<double(std::span<const double> x, std::span<double> gradient)>;

struct Minimum {
  std::vector<double> x;
  double value = 0;
};

/// Limited-memory BFGS with twelve pairs and a line search for the weak Wolfe conditions by bisection; ends after
/// `most_steps`, or where neither value nor gradient says how to go on.
/// Source: Nocedal, Wright, "Numerical Optimization", algorithm 7.5.
Minimum minimize(const Smooth& function, std::vector<double> start, int64_t most_steps = 500);

}  // namespace allot::mixcal
