// SPDX-License-Identifier: Apache-2.0
// Trained policies, which another process runs: placer-apply --policy, placer-embed --policy.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "base/file.h"
#include "config/binder.h"
#include "measure/place_messages.h"
#include "measure/worker.h"
#include "place/move_policy.h"
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
  /// Errors: those of measure::WorkerCall and base::read_safetensors; malformed for what no policy holds.
  LearnedPlacer(const PolicyOptions& policy, const std::string& model, const InputOptions& options, uint64_t seed,
                uint32_t threads);

  /// Adds the method "policy" to the registry: what the policy proposes for this input, improved by local search. Both
  /// must outlive all placing. Its errors: those that the policy has with this input, above all malformed and config;
  /// those of the other process; internal when that one understands the model otherwise.
  void join_registry(const Input& input);

  /// Where the policy is hierarchical, and the chosen placement was found by a search that began with a proposal of it:
  /// notes the groups of that proposal.
  void note_groups(const Input& input, Placed& placed) const;

  /// What the policy knows of moves, for the searches of place::Budget; null if it knows nothing.
  place::MoveWeights* moves() { return moves_ ? &*moves_ : nullptr; }

 private:
  /// By unit of the input.
  std::vector<place::UnitPlacement> proposals(const Input& input);

  std::string policy_;
  std::optional<place::MoveWeights> moves_;
  measure::WorkerCall call_;
  measure::PlaceReply reply_;  // once it was asked for proposals
  size_t origin_ = SIZE_MAX;   // which of them, if any, became the method's answer
};

/// A policy that is asked what it has learnt of one model's operations, while this process reads the model, too.
class LearnedEmbeddings {
 public:
  /// output: where the worker writes them (allot.embeddings/1); "" = nowhere. Errors: usage for a model that cannot be
  /// read twice; input_missing; those of measure::WorkerCall.
  LearnedEmbeddings(const std::string& policy, const std::string& model, const InputOptions& options,
                    const std::string& output, base::Replace replace);
  /// Called once, when the file is written. Errors: those of LearnedPlacer::join_registry, and of writing.
  emit::EmbeddingPicture picture(const Input& input);

 private:
  measure::WorkerCall call_;
};

}  // namespace allot::plan
