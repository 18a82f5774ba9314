// SPDX-License-Identifier: Apache-2.0
// The registry of placement methods, and `auto`, which runs them all.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "place/evaluator.h"
#include "place/problem.h"

namespace allot::place {

/// Search stops at `evaluations` simulations, at `seconds`, or when `stop` is set, whichever comes first. A budget
/// of evaluations alone gives the same answer on any machine and at any number of threads.
struct Budget {
  uint64_t evaluations = 0;  // 0: default_evaluations(problem) unless seconds are given
  double seconds = -1;       // < 0: not limited by time; 0: constructive methods only
  uint64_t seed = 0;
  unsigned threads = 0;
  const std::atomic<bool>* stop = nullptr;
  std::function<void(uint64_t evaluations, const Score& best)> progress = {};  // may be empty; called now and then
};
/// About 20 million op visits, at least 100 and at most 20,000 evaluations.
uint64_t default_evaluations(const Problem& problem);

struct Placer {
  std::string name, summary;
  bool searches = false;  // uses the budget; the others are constructive
  std::function<UnitPlacement(const Problem&, const Budget&)> place;
  const char* missing = nullptr;  // what this build lacks for it, and the remedy: "METIS; install libmetis-dev"
};

/// Built-in placers in order of cost; the learned ones follow. A placer returns only
/// allowed devices; whether memory suffices shows in the score.
const std::vector<Placer>& placers();
/// Adds one (learned policies do). Not thread-safe; call at start-up.
void register_placer(Placer placer);
/// Errors: usage with the list of names; unavailable when this build lacks what the method needs.
const Placer& find_placer(const std::string& name);

/// What one method gave.
struct MethodResult {
  std::string method;
  UnitPlacement placement;
  Score score;
  sim::Outcome outcome;  // without timeline
  uint64_t evaluations = 0;
  double seconds = 0;
};

struct Comparison {
  std::vector<MethodResult> methods;  // in registry order
  size_t best = 0;                    // the chosen one; the earliest among equals
};
/// method "auto": every placer with the whole budget each, best kept, hence never worse than any of them alone.
/// Otherwise that method, beside the constructive ones for comparison; the named method is chosen.
Comparison compare(const Problem& problem, const std::string& method, const Budget& budget);

}  // namespace allot::place
