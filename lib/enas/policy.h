// SPDX-License-Identifier: Apache-2.0
// Who says which architectures are tried, and learns from how they do.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "config/binder.h"
#include "enas/supergraph.h"
#include "train/checkpoint.h"
#include "train/record.h"

namespace allot::enas {

struct PolicyOptions {
  std::string kind = "reinforce";  // one of policy_names()
  // Controllers: reinforce and ppo. Source: specification of enas-search, 1.3 and 5.4.
  int64_t hidden = 64;
  double init = 0.1;                   // weights begin uniform within it
  double tanh = 2.5, temperature = 5;  // logits u become tanh * tanh(u / temperature)
  double rate = 0;                     // learning rate; 0: 3.5e-3 for fewer than 50 decisions, else 1e-3
  double beta1 = 0, epsilon = 1e-3;
  double baseline = 0.95;               // decay of the moving mean of rewards
  double entropy = 1e-4;                // weight of the policy's entropy
  std::string entropy_mode = "reward";  // or loss: its exact gradient
  double clip_ratio = 0.2;              // of ppo
  int64_t passes = 4;                   // of ppo over each batch
  // evolution
  int64_t population = 50, tournament = 10;

  void bind(config::Binder& binder);
};

std::vector<std::string> policy_names();

/// Rewards of architectures, in order.
using Judge = std::function<std::vector<double>(const std::vector<Assignment>&)>;

class Policy {
 public:
  virtual ~Policy() = default;
  /// `count` architectures; the same for equal keys and equal state.
  virtual std::vector<Assignment> sample(size_t count, uint32_t stream, uint32_t step) const = 0;
  /// Update number `step`: samples, has them judged, and learns from it. Gives figures of the update.
  virtual train::Metrics learn(size_t count, uint32_t step, const Judge& judge) = 0;
  /// Architectures among which the best should be, at least `count` where there are as many.
  virtual std::vector<Assignment> candidates(size_t count, uint32_t step) const { return sample(count, 2, step); }

  /// All that learning goes on from; and back. Errors: those of nn::copy_values; malformed.
  virtual void save(train::Checkpoint& state) const = 0;
  virtual void restore(const train::Checkpoint& state, const std::string& where) = 0;
};

/// `supergraph` must outlive it. Errors: usage for an unknown kind, for `exhaustive` of a space of more than 100,000.
std::unique_ptr<Policy> make_policy(const PolicyOptions& options, const Supergraph& supergraph, uint64_t seed);

}  // namespace allot::enas
