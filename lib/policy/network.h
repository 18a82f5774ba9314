// SPDX-License-Identifier: Apache-2.0
// Placement policies: what they decide, and how likely that was.
#pragma once

#include <memory>
#include <vector>

#include <ATen/core/Tensor.h>

#include "nn/parameters.h"
#include "policy/draw.h"
#include "policy/instance.h"
#include "policy/settings.h"

namespace allot::policy {

/// Decisions about one instance: a grouping, where there is one, and placements of it.
struct Samples {
  Draw draw;
  at::Tensor devices;  // int64 [count, steps]: of each element, or of each group in the order of decoding
  at::Tensor groups;   // int64 [elements]; undefined where elements are placed one by one
  at::Tensor log_probability, group_log_probability;  // [count, steps]; [elements]: when they were drawn
};

/// The same decisions under today's parameters, with gradient.
struct Scores {
  at::Tensor log_probability, entropy;              // [count, steps]
  at::Tensor group_log_probability, group_entropy;  // [elements], or undefined

  /// log p(devices) + log p(groups): [count].
  at::Tensor joint() const;
};

class Network {
 public:
  virtual ~Network() = default;

  /// Operation embeddings [elements, width], which all samples of an instance share.
  virtual at::Tensor embed(const Instance& instance) const = 0;
  /// Draws decisions; no gradient.
  virtual Samples sample(const Instance& instance, const at::Tensor& embeddings, const Draw& draw) const = 0;
  virtual Scores score(const Instance& instance, const at::Tensor& embeddings, const Samples& samples) const = 0;
  Samples sample(const Instance& instance, const Draw& draw) const;
  Scores score(const Instance& instance, const Samples& samples) const {
    return score(instance, embed(instance), samples);
  }
  /// What samples mean, one each.
  virtual std::vector<UnitPlacement> placements(const Instance& instance, const Samples& samples) const = 0;
  /// Given placements as decisions that samples could have been, for imitating them: all together, or by grouping.
  virtual std::vector<Samples> decisions(const Instance& instance,
                                         const std::vector<UnitPlacement>& placements) const = 0;

  const Defects& defects() const { return defects_; }
  nn::Parameters& parameters() { return parameters_; }
  const nn::Parameters& parameters() const { return parameters_; }

 protected:
  Network(uint64_t seed, Defects defects) : parameters_(seed), defects_(defects) {}
  nn::Parameters parameters_;

 private:
  Defects defects_;
};

/// What a network's shape follows from beside its settings. Zero where the settings do not ask for it.
struct Shape {
  int64_t vocabulary = 0, devices = 0, elements = 0;
};

/// An operation, or a unit of several, is one element of the sequence. Source: placement 1.
std::unique_ptr<Network> make_flat(const NetworkSettings& settings, const Shape& shape, uint64_t seed);
/// A feed-forward network puts elements into groups, and a group is an element of the sequence. Source: placement 2.
std::unique_ptr<Network> make_hierarchical(const NetworkSettings& settings, const Shape& shape, uint64_t seed);

}  // namespace allot::policy
