// SPDX-License-Identifier: Apache-2.0
// What the gradient of an operator needs: which inputs have one, and what must be kept for it.
#pragma once

#include <cstdint>
#include <string_view>

namespace allot::graph {

struct GradientRule {
  enum class Keeps : uint8_t {
    nothing,    // linear in every input, or in the only one: shapes suffice
    others,     // a product: the gradient of one input needs the other inputs
    inputs,     // needs the inputs
    output,     // needs the first output
    everything  // needs inputs and outputs
  };
  Keeps keeps = Keeps::inputs;
  /// Inputs that can have a gradient if they hold floats, bit i for input i; 0: the operator stops gradients.
  uint64_t inputs = ~uint64_t{0};
};

/// By operator type as graph::operator_type() writes it. An unknown operator keeps its inputs and passes gradients to
/// all of them, which is the most that any operator does but for fused ones.
GradientRule gradient_rule(std::string_view type);

}  // namespace allot::graph
