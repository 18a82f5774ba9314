// SPDX-License-Identifier: Apache-2.0
// Placing by a trained policy, which another process runs: placer-apply --policy.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "config/binder.h"
#include "measure/worker.h"
#include "plan/input.h"
#include "plan/placed.h"

namespace allot::plan {

struct PolicyOptions {
  std::string policy;
  int64_t samples = 64;

  void bind(config::Binder& binder);
  /// Errors: usage for a method or a model that does not go with a policy, and for the method "policy" without one;
  /// input_missing.
  void check(const std::string& model, const SearchOptions& search) const;
};

/// A policy that is asked for placements of one model. Asking comes first, so that the other process starts, reads and
/// samples while this one reads the model, too.
class LearnedPlacer {
 public:
  /// Errors: those of measure::PlaceCall.
  LearnedPlacer(const PolicyOptions& policy, const std::string& model, const InputOptions& options, uint64_t seed,
                uint32_t threads);

  /// Adds the method "policy" to the registry: what the policy proposes for this input, improved by local search. Both
  /// must outlive all placing. Its errors: those that the policy has with this input, above all malformed and config;
  /// those of the other process; internal when that one understands the model otherwise.
  void join_registry(const Input& input);

 private:
  /// By unit of the input.
  std::vector<place::UnitPlacement> proposals(const Input& input);

  std::string policy_;
  measure::PlaceCall call_;
};

}  // namespace allot::plan
