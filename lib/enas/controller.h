// SPDX-License-Identifier: Apache-2.0
// A recurrent network that decides the variables of a space one after another, and learns by policy gradients.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <ATen/core/Tensor.h>

#include "enas/policy.h"
#include "nn/lstm.h"
#include "nn/optimizer.h"

namespace allot::enas {

/// What a controller decided, and how likely it was to. Differentiable in its parameters.
struct Trace {
  std::vector<Assignment> assignments;
  at::Tensor log_probability, entropy;  // [samples, variables]
  at::Tensor prior;                     // weighted KL from the priors of subsets; a scalar
  double chosen_share = 0;              // of the alternatives of subsets with a prior: the mean probability
};

class Picker;

/// For each variable in order, one LSTM step. Heads: of one_of and k_of a softmax over labels; of subset a Bernoulli an
/// alternative; where the variable has anchors, attention over the states in which these places were complete:
/// v tanh(W1 anchor + W2 h). Next input: the embedding of the label, the anchor chosen, or sum of those chosen over 1 +
/// their number. Places that no variable completes get a step each at the beginning. k_of decides in ascending order.
/// Bounds of subsets are counted in the probability; constraints of the space are not: what they forbid is drawn anew.
/// Source: specification of enas-search, 1.3 and 5.4.
class Controller final : public Policy {
 public:
  Controller(const PolicyOptions& options, const Supergraph& supergraph, uint64_t seed);

  std::vector<Assignment> sample(size_t count, uint32_t stream, uint32_t step) const override;
  train::Metrics learn(size_t count, uint32_t step, const Judge& judge) override;
  void save(train::Checkpoint& state) const override;
  void restore(const train::Checkpoint& state, const std::string& where) override;

  /// Draws, constraints or not; and what it would say of given ones. Record gradients where torch's grad mode is on.
  Trace draw(size_t count, uint32_t stream, uint32_t step, uint32_t attempt = 0) const;
  Trace trace(const std::vector<Assignment>& assignments) const;
  /// Sum over the decisions that take effect: [samples].
  at::Tensor log_probability(const Trace& trace) const;
  at::Tensor entropy(const Trace& trace) const;
  /// The loss whose gradient REINFORCE descends: advantages [samples] are constants.
  at::Tensor loss(const Trace& trace, const std::vector<double>& rewards, double baseline) const;

  const nn::Parameters& parameters() const { return parameters_; }
  double baseline() const { return baseline_; }

 private:
  struct Head {
    at::Tensor weights, embedding;  // [hidden, labels], [labels, hidden]; undefined where anchors serve
  };
  struct Place {
    at::Tensor state, key;  // [samples, hidden]
  };
  class Run;

  void make_heads();
  at::Tensor active_mask(const std::vector<Assignment>& assignments) const;
  void take_up(double mean_reward);
  void descend(const at::Tensor& loss, train::Metrics& metrics);

  PolicyOptions options_;
  const Supergraph& supergraph_;
  const uint64_t seed_;
  nn::Parameters parameters_;
  nn::LstmCell cell_;
  at::Tensor start_;                       // [1, hidden]: the first input
  at::Tensor anchor_key_, query_, score_;  // W1, W2 [hidden, hidden], v [hidden]; undefined without anchors
  std::vector<Head> heads_;                // by variable
  std::vector<std::string> first_places_;  // that no variable completes
  std::unique_ptr<nn::Optimizer> optimizer_;
  double rate_ = 0;
  double baseline_ = 0;
  bool has_baseline_ = false;
};

}  // namespace allot::enas
