// SPDX-License-Identifier: Apache-2.0
// Problems whose optimum can be proved in seconds.
#pragma once

#include "support/random_problem.h"

namespace allot::test {

/// 25 to 40 ops on 2 or 3 devices, equal or not. Most are proved within 200,000 evaluations of place::solve_exact; those
/// on 3 devices take the most.
inline place::Problem oracle_problem(uint64_t seed) {
  base::Rng rng(seed, 31);
  const bool three = rng.below(3) == 0;
  ProblemOptions options{.ops = 25 + rng.below(16), .width = 2 + rng.below(three ? 2 : 3), .devices = three ? 3u : 2u};
  options.seed = seed;
  options.unequal = rng.below(2) ? 0.5 : 0;
  options.forbidden = options.unequal > 0 ? 0.05 : 0;
  options.paired = three ? 0.65 : 0.35;
  if (rng.below(2)) options.io_device = 0;
  return random_problem(options);
}

}  // namespace allot::test
