// SPDX-License-Identifier: Apache-2.0
// Which move to try next: a policy that a search learns while it goes, and takes along to the next graph.
#pragma once

#include <array>
#include <span>
#include <string>
#include <vector>

#include "base/rng.h"
#include "place/move_features.h"
#include "place/walker.h"

namespace allot::place {

/// What was learned: the expected gain of a move is exp(weight . features), with weights of their own added for units
/// on the critical chain. As they are made, all moves are as likely.
struct MoveWeights {
  static constexpr size_t kSize = 2 * kMoveFeatures;
  std::array<double, kSize> weight{-2.0};
  bool learns = true;  // false: a search leaves them as they are
};

/// Their tensor in the file of a policy, float64 [kSize].
constexpr const char* kMovesTensor = "moves";
/// From stored numbers. Errors: malformed, naming `path`, for another number of them or what is not finite.
MoveWeights move_weights(std::span<const double> stored, const std::string& path);

/// The mean of what several walks learned that began alike.
MoveWeights mean(const std::vector<MoveWeights>& learned);

/// Draws moves of one unit in proportion to a power of their expected gains (a Boltzmann policy over log gains), and
/// learns by Poisson regression of the gains that moves brought, online, with AdaGrad (Duchi et al. 2011). A learned
/// proposal distribution for annealing: Correia et al., Neural Simulated Annealing, 2022; here it is log-linear, so
/// that it costs less than what it saves.
class MovePolicy {
 public:
  /// The problem must outlive it.
  MovePolicy(const Problem& problem, const MoveWeights& weights)
      : problem_(problem), weights_(weights), scene_(problem) {
    squares_.fill(kFirstSquares);
  }

  /// Moves are drawn as if from this placement until the next look.
  void look(const UnitPlacement& placement);
  /// Some move can be drawn.
  bool ready() const { return !sums_.empty() && sums_.back() > 0; }
  UnitMove draw(base::Rng& rng) const;
  /// `gain`: from 0, none, to about 3.
  void learn(const UnitMove& move, double gain);

  const std::vector<UnitId>& critical() const { return scene_.critical(); }
  const MoveWeights& weights() const { return weights_; }

 private:
  static constexpr double kFirstSquares = 10;  // so that the first gains do not count for too much

  double log_gain(const MoveFeatures& move) const;

  const Problem& problem_;
  MoveWeights weights_;
  MoveScene scene_;
  std::array<double, MoveWeights::kSize> squares_;  // sums of squared gradients: AdaGrad's
  std::vector<double> sums_;                        // [units, devices]: of the odds up to there
};

}  // namespace allot::place
