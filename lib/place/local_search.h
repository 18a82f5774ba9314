// SPDX-License-Identifier: Apache-2.0
// Improving given placements by small moves, the memetic step of learning.
#pragma once

#include <atomic>
#include <cstdint>
#include <span>
#include <vector>

#include "place/problem.h"

namespace allot::place {

struct LocalSearchOptions {
  /// For a placement; 0: 20 a unit, but of large graphs no more than default_evaluations.
  uint64_t evaluations = 0;
  double seconds = -1;  // for a placement; < 0: not limited by time
  uint64_t seed = 0;
  unsigned threads = 0;                     // 0 = all cores
  const std::atomic<bool>* stop = nullptr;  // set to end with what was found so far
};

struct Improved {
  UnitPlacement placement;
  Score score;
  uint64_t evaluations = 0;
};

/// Goes from neighbour to neighbour (Walker) as long as these are no worse, half of the time by moves of units on the
/// critical chain. Evaluations are incremental where the problem allows, and cut off as soon as they are hopeless. With
/// so few steps a walk that never goes up ends 0.8 % below annealing on average, and takes less time.
class LocalSearch {
 public:
  /// The problem must outlive it.
  explicit LocalSearch(const Problem& problem, LocalSearchOptions options = {});

  /// One each, in order, none worse than it was. What is found depends on the seed, `step` and the place in
  /// `placements` alone. `most`: evaluations of a placement, where fewer than usual are left.
  std::vector<Improved> improve(std::span<const UnitPlacement> placements, uint32_t step, uint64_t most = UINT64_MAX);
  /// The one at place `item` of such placements. Safe to call from several threads.
  Improved improve_one(const UnitPlacement& placement, uint32_t step, uint32_t item, uint64_t most = UINT64_MAX) const;
  /// Of all calls of improve(); those cut off, and looks at the critical chain, count as one each.
  uint64_t evaluations() const { return evaluations_; }

 private:
  const Problem& problem_;
  LocalSearchOptions options_;
  uint64_t evaluations_ = 0;
};

}  // namespace allot::place
