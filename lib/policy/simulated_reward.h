// SPDX-License-Identifier: Apache-2.0
// Placements judged by exact simulation on all threads of all ranks; each is simulated once.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/thread_pool.h"
#include "dist/team.h"
#include "place/evaluator.h"
#include "policy/canonical.h"
#include "policy/reward.h"
#include "policy/reward_state.h"

namespace allot::policy {

/// Scores of placements that were judged, by canonical form. Bounded: when as many are new as half of `most`, those
/// that nobody has asked for since the last time are forgotten.
class ScoreCache {
 public:
  explicit ScoreCache(size_t most) : most_young_(most / 2) {}
  const place::Score* find(const PlacementKey& key);
  void add(const PlacementKey& key, const place::Score& score);
  size_t size() const { return young_.size() + old_.size(); }
  void append_to(std::vector<int64_t>& state) const;
  void restore(StateReader& state);

 private:
  using Scores = std::unordered_map<PlacementKey, place::Score, PlacementKeyHash>;
  size_t most_young_;
  Scores young_, old_;
};

struct SimulatedRewardOptions {
  unsigned threads = 0;                     // 0 = all cores
  dist::Team* team = nullptr;               // ranks that judge the same and share the work; null: alone
  size_t remembered = 1 << 18;              // scores, of some 80 bytes each; 0: none
  const std::atomic<bool>* stop = nullptr;  // set to make judge() throw base::Stopped
};

/// Scores of place::Evaluator: of every objective, of all input shapes that a placement serves, or of the problem's own
/// scorer. executed = fits into memory.
class SimulatedReward : public Reward {
 public:
  /// The problem must outlive it.
  explicit SimulatedReward(const place::Problem& problem, SimulatedRewardOptions options = {});

  std::vector<Judgement> judge(std::span<const place::UnitPlacement> placements) override;
  uint64_t evaluations() const override { return evaluations_; }
  bool simulates() const override { return true; }
  std::vector<int64_t> state() const override;
  void restore(std::span<const int64_t> state, const std::string& where) override;
  /// Placements that were known already, or are the same as another of their call.
  uint64_t hits() const { return hits_; }
  unsigned threads() const { return pool_.threads(); }

 private:
  /// Scores of some of the placements, in the order of `which`.
  std::vector<place::Score> simulate(std::span<const place::UnitPlacement> placements, std::span<const size_t> which);

  const place::Problem& problem_;
  const SimulatedRewardOptions options_;
  const CanonicalForm canonical_;
  ScoreCache cache_;
  std::vector<std::unique_ptr<place::Evaluator>> evaluators_;  // by thread, made by it when first needed
  base::ThreadPool pool_;
  uint64_t evaluations_ = 0, hits_ = 0;
};

}  // namespace allot::policy
