// SPDX-License-Identifier: Apache-2.0
// What a network's outputs mean: the likelihood that they give to a label.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <ATen/core/Tensor.h>

namespace allot::mpl {

/// The key of random draws; see base::Rng. Item i of a batch draws under (seed, step, i), where rows of items count
/// from first_row.
struct DrawKey {
  uint64_t seed = 0;
  uint32_t step = 0;
  int64_t first_row = 0;
};

/// One kind of supervision. Hard labels are what data hold, soft ones are distributions; losses take both.
///
/// | kind           | logits             | hard label                        | soft label                   |
/// |----------------|--------------------|-----------------------------------|------------------------------|
/// | classification | [items, classes]   | int64 [items]                     | [items, classes]             |
/// | token          | [..., classes]     | int64 [...], -100: does not count | [..., classes]               |
/// | multilabel     | [items, labels]    | 0 or 1: [items, labels]           | probabilities, same shape    |
/// | regression     | [items, ...]       | [items, ...]                      | the same: means of Gaussians |
///
/// An item is what one label belongs to: for tokens a position. Losses are float32 at least, whatever logits are.
class Task {
 public:
  virtual ~Task() = default;

  /// -log p(label | logits) by item: [items]; 0 where a label does not count. Label smoothing mixes in the uniform
  /// distribution. Differentiable in the logits and in a soft label.
  virtual at::Tensor losses(const at::Tensor& logits, const at::Tensor& label, double smoothing = 0) const = 0;
  /// The mean over items that count.
  virtual at::Tensor loss(const at::Tensor& logits, const at::Tensor& label, double smoothing = 0) const = 0;

  /// softmax(logits / temperature) or its like; differentiable.
  virtual at::Tensor soft_label(const at::Tensor& logits, double temperature = 1) const = 0;
  /// The likeliest label.
  virtual at::Tensor hard_label(const at::Tensor& logits) const = 0;
  /// A label drawn from the distribution. Errors: config where there is nothing to draw.
  virtual at::Tensor drawn_label(const at::Tensor& logits, DrawKey key) const = 0;
  /// `label` with items where `counted` (bool) is false made not to count. Errors: config where all items do.
  virtual at::Tensor only(const at::Tensor& label, const at::Tensor& counted) const = 0;

  /// How sure a soft label is, by item: [items], at most 1.
  virtual at::Tensor confidence(const at::Tensor& soft_label) const = 0;
  /// Entropy of the mean of soft labels as a share of the largest there can be: near 0, all items get one label. NaN
  /// where that says nothing.
  virtual double diversity(const at::Tensor& soft_label) const = 0;
  /// Whether labels can be drawn, so that feedback may be a number; otherwise it is a derivative (jvp).
  virtual bool draws() const { return true; }
};

/// The loss of a shard as its part of the mean over shards: the mean over what counts in it times `share`, which is 1
/// where all shards have as much that counts. 0, but differentiable, where the share is.
at::Tensor shard_loss(const Task& task, const at::Tensor& logits, const at::Tensor& label, double smoothing,
                      double share);
/// The mean of soft labels over all items: [1, ...]. What diversity() says of means of it over shards it would say of
/// all their items at once.
at::Tensor mean_label(const at::Tensor& soft_label);

/// "classification", "token", "multilabel", "regression".
std::vector<std::string> task_names();
/// Errors: usage for an unknown name.
std::unique_ptr<Task> make_task(const std::string& name);

}  // namespace allot::mpl
