// SPDX-License-Identifier: Apache-2.0
// How the weights of domains follow what a step on one of them does for the loss of others.
// Source: Fan et al., "DoGE: domain reweighting with generalization estimation", ICML 2024, algorithm 1.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "config/binder.h"
#include "mixcal/weights.h"

namespace allot::mixcal {

struct DogeOptions {
  double pull = 0.01;                  // mu: the larger, the slower weights move
  std::vector<std::string> over = {};  // domains whose losses are to fall; none: those that count

  void bind(config::Binder& binder);
};

/// The weights over a run. All in float64.
class Doge {
 public:
  /// `targets`: domains whose losses are to fall. Where these are all, a domain is not scored by what it does for
  /// itself: who learns fast would get all weight.
  Doge(size_t domains, double pull, const std::vector<size_t>& targets);

  /// `products`: row-major [domains, domains], the products of the gradients of domains' mean losses; 0 for a domain
  /// without tokens in the batch. `rate`: the learning rate of this step.
  ///   score_i = rate * (sum over targets j of products_ij) / (the mean norm of a gradient), within [0, 5 rate]
  ///   alpha <- alpha exp(score / pull) / sum
  /// Errors: check_failed, and nothing changes, if a product is not finite.
  void update(std::span<const double> products, double rate);

  const Weights& alpha() const { return alpha_; }
  /// The mean over all steps, of which there is at least one.
  Weights average() const;
  /// The last ones.
  const std::vector<double>& scores() const { return scores_; }

  /// All that goes on from here, as one list; and back. Errors: malformed, naming `where`, for another length.
  std::vector<double> state() const;
  void assign(std::span<const double> state, const std::string& where);

 private:
  double pull_;
  std::vector<bool> is_target_;
  bool leaves_out_itself_;
  Weights alpha_;
  std::vector<double> scores_, sum_;
};

}  // namespace allot::mixcal
