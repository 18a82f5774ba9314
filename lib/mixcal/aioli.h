// SPDX-License-Identifier: Apache-2.0
// Weights by what training on each domain was just seen to do for all of them.
// Source: Chen et al., "Aioli: a unified optimization framework for language model data mixing", ICLR 2025.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "config/binder.h"
#include "mixcal/weights.h"

namespace allot::mixcal {

struct AioliOptions {
  int64_t rounds = 0;   // of the run: weights move as often; 0: 10, fewer where half of a round would not do for a look
  int64_t sweeps = 2;   // over all domains, in each round
  int64_t slot = 0;     // steps with one domain in a sweep; 0: half of each round goes there
  double focus = 0.75;  // share of that domain in these steps; the others have the rest evenly
  double step = 1;      // eta
  double past = 0;      // share of earlier rounds in a moving average of effects; 0: each round multiplies the weights

  void bind(config::Binder& binder);
};

/// Which shares each step of a run is to draw by. The run is cut into rounds; each begins with sweeps over the domains,
/// a few steps of which favour one domain, and validation losses before and after tell the effect of that; what is
/// left of the round draws by the weights that follow. All in float64.
class Aioli {
 public:
  /// `over`: domains whose losses are to fall. The order of domains in a sweep is that of (seed, round, sweep).
  /// Errors: config if a round is too short for its sweeps, or the focus is an even share.
  Aioli(size_t domains, AioliOptions options, int64_t steps, uint64_t seed, std::vector<size_t> over);

  /// Whether step() and what follows need the losses of all domains as they are before this step.
  bool looks_before(int64_t step) const;
  /// Nats a token on validation documents, before `step`. Where a round's sweeps end, weights move:
  ///   effect = drops of losses [domain, favoured domain] times the inverse of the shares that were drawn by
  ///   normalised: less its smallest entry, where that is negative, over its sum
  ///   alpha <- alpha exp(step * sums over `over` of effect) / sum
  /// Errors: check_failed, and nothing changes, if a loss is not finite.
  void observe(int64_t step, std::span<const double> losses);
  /// The shares to draw by.
  Weights mix(int64_t step) const;
  /// To be called once a step, before the next: what average() is over.
  void count(int64_t step);

  const Weights& alpha() const { return alpha_; }
  /// The mean over the steps that drew by the weights.
  Weights average() const;
  /// What favouring each domain last brought to those that count: parts of 1.
  const std::vector<double>& effects() const { return effects_; }
  /// Looks at validation losses over the whole run.
  int64_t looks() const;
  double step() const { return options_.step; }

  /// All that goes on from here, as one list; and back. Errors: malformed, naming `where`, for another length.
  std::vector<double> state() const;
  void assign(std::span<const double> state, const std::string& where);

 private:
  struct Place {
    int64_t round, at;  // number of the step within the round
  };
  Place place_of(int64_t step) const;
  int64_t first_of(int64_t round) const { return steps_ * round / rounds_; }
  int64_t swept() const { return sweep_ * options_.sweeps; }  // steps of a round that favour a domain
  std::vector<size_t> order_of(int64_t round, int64_t sweep) const;
  size_t favoured(int64_t round, int64_t at) const;
  void move();

  AioliOptions options_;
  int64_t steps_, rounds_, sweep_;  // steps of one sweep
  uint64_t seed_;
  std::vector<size_t> over_;
  Weights alpha_;
  std::vector<double> effects_, before_, drops_, past_, sum_;  // drops_: row-major [domain, favoured]
  double counted_ = 0, moved_ = 0;                             // steps; rounds
};

}  // namespace allot::mixcal
