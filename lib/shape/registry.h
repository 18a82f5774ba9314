// SPDX-License-Identifier: Apache-2.0
// Which rule belongs to which operator. Adding an operator is one row in its family's table.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "shape/context.h"

namespace allot::shape {

using Rule = void (*)(Context&);

struct Operator {
  std::string_view type;
  Rule rule;
};

// The families, as ONNX groups and names them; each is defined in ops/<family>*.cpp.
std::span<const Operator> activation_operators();
std::span<const Operator> arithmetic_operators();
std::span<const Operator> attention_operators();
std::span<const Operator> control_flow_operators();
std::span<const Operator> convolution_operators();
std::span<const Operator> generator_operators();
std::span<const Operator> image_operators();
std::span<const Operator> indexing_operators();
std::span<const Operator> loss_operators();
std::span<const Operator> matmul_operators();
std::span<const Operator> normalization_operators();
std::span<const Operator> object_detection_operators();
std::span<const Operator> optional_operators();
std::span<const Operator> pooling_operators();
std::span<const Operator> quantization_operators();
std::span<const Operator> reduction_operators();
std::span<const Operator> reshape_operators();
std::span<const Operator> rnn_operators();
std::span<const Operator> selection_operators();
std::span<const Operator> sequence_operators();
std::span<const Operator> signal_operators();
std::span<const Operator> slicing_operators();
std::span<const Operator> text_operators();
// Other domains: allot, ai.onnx.ml, ai.onnx.preview.training, com.microsoft.
std::span<const Operator> abstract_operators();
std::span<const Operator> ml_operators();
std::span<const Operator> training_operators();
std::span<const Operator> contrib_attention_operators();
std::span<const Operator> contrib_operators();

/// The rule of an operator, or nullptr. O(1).
Rule find_rule(std::string_view domain, std::string_view type);

/// All operators with a rule as "domain.Type" ("Type" in the default domain), sorted.
std::vector<std::string> known_operators();

}  // namespace allot::shape
