// SPDX-License-Identifier: Apache-2.0
// The registry of placement methods, and `auto`, which runs them all.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "place/evaluator.h"
#include "place/problem.h"

namespace allot::place {

struct MoveWeights;  // move_policy.h

/// The best so far after some evaluations.
struct CurvePoint {
  uint64_t evaluations = 0;
  double seconds = 0;
  Score best;
};

/// Search stops at `evaluations` simulations, at `seconds`, or when `stop` is set, whichever comes first. A budget
/// of evaluations alone gives the same answer on any machine and at any number of threads.
struct Budget {
  uint64_t evaluations = 0;  // 0: default_evaluations(problem) unless seconds are given
  double seconds = -1;       // < 0: not limited by time; 0: constructive methods only
  uint64_t seed = 0;
  unsigned threads = 0;
  const std::atomic<bool>* stop = nullptr;
  const UnitPlacement* start = nullptr;  // the best known so far, to begin with; else a search finds its own
  std::function<void(uint64_t evaluations, const Score& best)> progress = {};  // may be empty; called now and then
  std::function<void(const CurvePoint&)> improved = {};                        // may be empty; called for each new best
  MoveWeights* moves = nullptr;  // annealing draws its moves by what these know, and leaves there what it has learned
  bool* proved = nullptr;        // set by a method that proves its answer optimal
};
/// About 20 million op visits, at least 100 and at most 20,000 evaluations.
uint64_t default_evaluations(const Problem& problem);

struct Placer {
  std::string name, summary;
  bool searches = false;  // uses the budget; the others are constructive and heed its stop alone
  std::function<UnitPlacement(const Problem&, const Budget&)> place;
  const char* missing = nullptr;  // what this build lacks for it, and the remedy: "METIS; install libmetis-dev"
  std::optional<Objective> only_for = {};  // unless named, it is run for this objective alone
  bool patient =
      false;           // unless named, it is not run where an answer is wanted at once (0 seconds), or for large graphs
  bool leads = false;  // of those that search: "auto" runs it before its search, on a part of the budget
};

/// From this size on a budget buys few evaluations, and methods whose time grows faster than the graph take too long.
constexpr uint32_t kManyOps = 20'000;

/// Built-in placers in order of cost; the learned ones follow. A placer returns only
/// allowed devices; whether memory suffices shows in the score.
const std::vector<Placer>& placers();
/// Adds one (learned policies do). Not thread-safe; call at start-up.
void register_placer(Placer placer);
/// Those that do not search and are run without being named.
std::vector<const Placer*> constructive_placers(const Problem& problem, const Budget& budget = {});
/// Errors: usage with the list of names; unavailable when this build lacks what the method needs.
const Placer& find_placer(const std::string& name);

/// What one method gave.
struct MethodResult {
  std::string method;
  UnitPlacement placement;
  Score score;           // this and the outcome: as written (Problem::as_written)
  sim::Outcome outcome;  // without timeline
  uint64_t evaluations = 0;
  double seconds = 0;
  bool proved = false;  // no placement has a better score
};

/// Why a search ended.
enum class Ending : uint8_t {
  budget,       // evaluations or seconds were spent, or it was stopped
  optimal,      // the best meets a lower bound
  no_headroom,  // devices are equal, the graph has next to no parallelism, and one device holds it all
};

struct Comparison {
  std::vector<MethodResult> methods;  // in registry order, searches last
  size_t best = 0;                    // the chosen one; the earliest among equals
  Ending ending = Ending::budget;
  std::vector<CurvePoint> curve;  // of the search, from the best constructive method on
};
/// The constructive methods, side by side, then one search that begins with the best of them. With method "auto" that
/// is annealing, for large graphs "multilevel", for graphs of few units annealing and then "exact", and the best is
/// chosen; otherwise the named method is run and chosen. Before its search "auto" runs what leads, whatever the budget.
/// Evaluations and seconds count for all together; the constructive methods are always run. For several input shapes
/// "auto" first plans each alone, with as many evaluations once more or half of the seconds, and searches from the
/// best. Unless the budget was given explicitly, "auto" does not search where there is nothing to gain. Errors:
/// base::Stopped if the budget's stop was set before a method, or the named one, had an answer.
Comparison compare(const Problem& problem, const std::string& method, const Budget& budget);

}  // namespace allot::place
