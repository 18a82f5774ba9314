// SPDX-License-Identifier: Apache-2.0
// What methods that do not learn make of the same problem with the same budget.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "place/placer.h"

namespace allot::policy {

enum class Budgeted : uint8_t { once, evaluations, seconds };
/// "once", "equal evaluations", "equal seconds".
std::string_view name(Budgeted by);

/// A constructive method (`once`), or a search that was given as many simulations, or as much time, as training took.
struct Baseline {
  Budgeted by = Budgeted::once;
  place::MethodResult result;  // seconds: by the clock, of a search including the constructive methods it begins with
};

struct BaselineOptions {
  uint64_t evaluations = 0;  // what training spent
  double seconds = 0;
  uint64_t seed = 0;
  unsigned threads = 0;
  std::vector<std::string> searches = {"auto"};
  const std::atomic<bool>* stop = nullptr;  // set to end with what there is
  /// Called now and then, at times by several threads at once: "anneal, equal seconds". May be empty.
  std::function<void(const std::string& what, uint64_t evaluations, const place::Score& best)> progress = {};
};

/// The constructive methods, then each search at equal evaluations and at equal seconds. A search is at least 1
/// evaluation long, and is not run by a measure of which training took nothing.
std::vector<Baseline> run_baselines(const place::Problem& problem, const BaselineOptions& options);

/// Both side by side, training first, and the best of them chosen unless it `must_be_found` by training; `name` is that
/// of the policy. All are scored by simulation. Searches are called "auto (equal evaluations)".
place::Comparison compare(const place::Problem& problem, const place::UnitPlacement& found, const std::string& name,
                          const BaselineOptions& options, const std::vector<Baseline>& baselines,
                          bool must_be_found = false);

}  // namespace allot::policy
