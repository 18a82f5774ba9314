// SPDX-License-Identifier: Apache-2.0
// How the weights of domains follow the proxy's excess loss: the maximising half of DoReMi's game.
// Source: Xie et al., "DoReMi", NeurIPS 2023, algorithm 1; specification of mixcal, 1.4.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "config/binder.h"
#include "mixcal/weights.h"

namespace allot::mixcal {

struct DroOptions {
  double step = 0;               // eta; 0: automatic_step()
  double smoothing = 1e-3;       // c: every domain keeps c / domains
  std::string clip = "token";    // where excess ends at 0: token, domain, none
  std::string absent = "zero";   // what a domain without tokens in a batch scores: zero, or carry, its last score
  std::string average = "mean";  // of all weights over time: mean, tail (of the second half), ema, last
  std::string norm = "domain";   // see token_weights()

  void bind(config::Binder& binder);
};

/// What suits a run of so many steps: weights must not move faster than the network learns. 1 from 50,000 steps on, 0.1
/// from 5,000, else 0.03. Source: specification of mixcal, 1.7 and 6.3.
double automatic_step(int64_t steps);

/// Excess losses of tokens by domain, added up over a batch, over all ranks: nats.
class Excess {
 public:
  Excess(size_t domains, std::string clip);

  /// One loss a token of `domain` by proxy and reference.
  void add(size_t domain, std::span<const float> proxy, std::span<const float> reference);
  /// Of another part of the same batch.
  void merge(const Excess& other);

  /// The mean over the domain's tokens, clipped; 0 for a domain without any.
  double of(size_t domain) const;
  bool is_absent(size_t domain) const { return tokens_[domain] == 0; }
  size_t domains() const { return sums_.size(); }
  const std::vector<double>& sums() const { return sums_; }
  const std::vector<double>& tokens() const { return tokens_; }
  /// What another rank counted.
  void assign(std::vector<double> sums, std::vector<double> tokens) {
    sums_ = std::move(sums), tokens_ = std::move(tokens);
  }

 private:
  std::string clip_;
  std::vector<double> sums_, tokens_;
};

/// What the loss of one token of each domain counts in the proxy's loss, given how many tokens of each a batch has.
///   domain  alpha_i / tokens_i: the sum over domains of alpha_i times their mean loss, as published
///   token   alpha_i / sum of alpha_j tokens_j: as public code has it; the same where all domains have as many tokens
std::vector<double> token_weights(std::span<const double> alpha, std::span<const double> tokens,
                                  const std::string& norm);

/// The weights over a run. All in float64, multiplied in logarithms.
class GroupDro {
 public:
  /// `steps` of the whole run; `first_score` is what `absent: carry` takes for a domain that was never seen (the log of
  /// the vocabulary's size in public code).
  GroupDro(size_t domains, DroOptions options, int64_t steps, double first_score = 0);

  /// alpha <- (1 - c) alpha exp(step excess) / sum + c / domains; what is smoothed is what the next step multiplies.
  /// Errors: check_failed, and nothing changes, if an excess is not finite.
  void update(const Excess& excess);

  const Weights& alpha() const { return alpha_; }
  /// What a run gives, after at least one update.
  Weights average() const;
  /// The last excess losses.
  const std::vector<double>& scores() const { return scores_; }
  int64_t updates() const { return updates_; }
  double step() const { return step_; }

  /// All that goes on from here, as one list; and back. Errors: malformed, naming `where`, for another length.
  std::vector<double> state() const;
  void assign(std::span<const double> state, const std::string& where);

 private:
  DroOptions options_;
  double step_;
  int64_t steps_, updates_ = 0;
  Weights alpha_;
  std::vector<double> scores_, sum_, tail_, ema_;
};

}  // namespace allot::mixcal
