// SPDX-License-Identifier: Apache-2.0
// One training step of a model that only describes inference (onnx-and-cost 5.5).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "graph/build.h"

namespace allot::graph {

struct TrainingOptions {
  enum class Optimizer : uint8_t { sgd, momentum, adam };
  Optimizer optimizer = Optimizer::adam;
  std::vector<std::string> frozen = {};  // base::NamePattern on parameter names: these are not trained
  /// Activation checkpointing: the forward ops are cut into segments of so many; only what crosses a cut is kept, and
  /// a segment runs again before its gradients. 0: everything is kept.
  uint32_t checkpoint_every = 0;
};

/// The ops of one step. Forward ops come first and keep their numbers, as do their tensors and parameters; then come
/// the loss, gradients and sums in reverse order, and optimizers. Every op has the unit of the forward op it belongs
/// to: a device holds an op, its gradient, its parameters and their optimizer state. Ops that share a trained
/// parameter therefore share a unit.
struct Training {
  enum class Role : uint8_t {
    forward,
    loss,       // of all float outputs that depend on a parameter; its output is the step's only one
    recompute,  // a forward op of a checkpointed segment, again
    gradient,   // makes the gradient of each input and parameter of its forward op that needs one
    sum,        // adds the gradients that a tensor gets from several readers
    optimizer   // updates one parameter (or several computed from the same weights)
  };
  OpGraph graph;                        // `node` of an op that is not forward is that of its forward op
  std::vector<Role> role;               // by op
  std::vector<OpId> forward_op;         // by op: what it belongs to; itself for a forward op
  std::vector<uint8_t> products;        // by op: of a gradient: inputs 0 and 1 that it makes a gradient of
  std::vector<int64_t> resident_bytes;  // by op: optimizer state (float32, and master weights for 16-bit parameters)
  std::vector<int64_t> elements;        // by op: of an optimizer: numbers that it updates
};

/// Saved activations are inputs of the gradients, so that they stay alive until then (see gradient_rules.h for what
/// is kept). A parameter is trained if it holds more than one float, is stored in the model, and a gradient reaches
/// it. Control flow counts as one op. O(ops + edges).
/// Errors: malformed when no float output depends on a parameter; config when a pattern is invalid or matches none.
Training expand_training(const Built& built, const PlanningModel& planning, const TrainingOptions& options);

}  // namespace allot::graph
