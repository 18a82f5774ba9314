// SPDX-License-Identifier: Apache-2.0
// A trained policy: networks, the operator types that they know, and the file that both are stored in.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "place/move_policy.h"
#include "policy/network.h"
#include "train/checkpoint.h"

namespace allot::policy {

constexpr int64_t kMostFlat = 384;  // elements that form "auto" places one by one

class Policy {
 public:
  /// shape: what one-hot neighbours and numbered devices tie the networks to.
  Policy(const NetworkSettings& settings, Vocabulary vocabulary, Shape shape, uint64_t seed);

  const NetworkSettings& settings() const { return settings_; }
  const Vocabulary& vocabulary() const { return vocabulary_; }
  const Shape& shape() const { return shape_; }

  /// Whether an instance is placed by groups.
  bool hierarchical(const Instance& instance) const;
  /// The network that serves an instance. Errors: config when the policy is tied to another number of devices, or to
  /// another graph, naming both numbers and the remedy.
  Network& network(const Instance& instance) const;
  /// Those that there are: flat, hierarchical. Null where the settings' form excludes one.
  Network* flat() const { return flat_.get(); }
  Network* grouping() const { return hierarchical_.get(); }

  /// Which moves a search should try, as searches of earlier graphs learned.
  place::MoveWeights& moves() { return moves_; }
  const place::MoveWeights& moves() const { return moves_; }

  /// `allot.policy/1`: all parameters, settings, vocabulary and shape.
  train::Checkpoint checkpoint() const;
  /// Errors: malformed for text that is not what checkpoint() writes, or tensors that do not fit the settings.
  static Policy from(const train::Checkpoint& checkpoint, const std::string& path);

 private:
  NetworkSettings settings_;
  Vocabulary vocabulary_;
  Shape shape_;
  std::unique_ptr<Network> flat_, hierarchical_;
  place::MoveWeights moves_;
};

/// Move weights as a tensor, float64 [MoveWeights::kSize], and back. Errors: malformed for another one.
at::Tensor to_tensor(const place::MoveWeights& moves);
place::MoveWeights move_weights(const at::Tensor& tensor, const std::string& path);

/// Errors: those of train::read_checkpoint and Policy::from.
Policy read_policy(const std::string& path);

}  // namespace allot::policy
