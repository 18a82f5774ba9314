// SPDX-License-Identifier: Apache-2.0
// Placements drawn at random.
#pragma once

#include <vector>

#include "base/rng.h"
#include "place/problem.h"

namespace allot::test {

/// Each unit on any device that it may use.
inline place::UnitPlacement random_placement(const place::Problem& problem, base::Rng& rng) {
  place::UnitPlacement placement;
  for (place::UnitId unit = 0; unit < problem.graph().num_units(); ++unit) {
    const auto choices = problem.choices(unit);
    placement.push_back(choices[rng.below(static_cast<uint32_t>(choices.size()))]);
  }
  return placement;
}

inline std::vector<place::UnitPlacement> random_placements(const place::Problem& problem, size_t count, uint64_t seed) {
  base::Rng rng(seed);
  std::vector<place::UnitPlacement> placements;
  for (size_t i = 0; i < count; ++i) placements.push_back(random_placement(problem, rng));
  return placements;
}

}  // namespace allot::test
