// SPDX-License-Identifier: Apache-2.0
// The best of a few placements by measuring the promising ones ever longer.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "place/problem.h"
#include "policy/measured_reward.h"

namespace allot::policy {

struct HalvingOptions {
  size_t most = 32;                         // candidates; those behind are left out
  uint32_t first_runs = 3;                  // of each in the first round; a run is a measurement
  const std::atomic<bool>* stop = nullptr;  // set to make it throw base::Stopped before the next measurement
  std::function<void(uint64_t runs, size_t left)> measured = {};  // may be empty; called after each run
};

struct Finalist {
  size_t candidate = 0;
  uint32_t runs = 0;
  double mean_seconds = 0;  // robust mean of all its runs
  std::string failure;      // of its last run, which put it out; "" = none
};

/// Successive halving: all candidates get so many runs, the slower half goes, the others' runs are doubled, until one
/// is left. Each pass runs those left once, every second pass in reverse, so that drift meets all alike and their means
/// compare. Returns all, best first: who stayed longer, then who was quicker; what failed comes last.
/// Measures as often as halving_runs() says, less what failures save.
/// Errors: those of the runner; of the kind of the first failure when all candidates fail.
/// After: Karnin, Koren, Somekh, "Almost optimal exploration in multi-armed bandits", ICML 2013 (sequential halving);
/// runs of earlier rounds count, too.
std::vector<Finalist> successive_halving(const Execution& execution, std::span<const place::UnitPlacement> candidates,
                                         const HalvingOptions& options = {});

/// About k r (1 + log2(k)) / 2 for k candidates with r first runs: 96 for 32 and 1.
uint64_t halving_runs(size_t candidates, const HalvingOptions& options = {});

}  // namespace allot::policy
