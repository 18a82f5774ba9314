// SPDX-License-Identifier: Apache-2.0
// Which kernel belongs to which operator. Adding an operator is one row in its family's table.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "exec/call.h"
#include "exec/site.h"

namespace allot::exec {

/// Reads what a node says and gives its kernel; called once a node. Refuses by Site::refuse.
using Maker = Kernel (*)(const Site&);

/// Whether gradients flow through an operator.
enum class Gradient : uint8_t {
  flows,
  zero,  // zero almost everywhere, or not defined: cuts the path to what is before it
};

struct Operator {
  std::string_view type;
  Maker make;
  Gradient gradient = Gradient::flows;
  /// Its outputs differ from run to run, or it changes state: never computed ahead.
  bool impure = false;
};

// The families, as ONNX groups and names them; each is defined in ops/<family>*.cpp.
std::span<const Operator> activation_operators();
std::span<const Operator> arithmetic_operators();
std::span<const Operator> attention_operators();
std::span<const Operator> batch_normalization_operators();
std::span<const Operator> bitwise_operators();
std::span<const Operator> cast_operators();
std::span<const Operator> comparison_operators();
std::span<const Operator> control_flow_operators();
std::span<const Operator> convolution_operators();
std::span<const Operator> cumulative_operators();
std::span<const Operator> deform_conv_operators();
std::span<const Operator> determinant_operators();
std::span<const Operator> dropout_operators();
std::span<const Operator> gather_operators();
std::span<const Operator> generator_operators();
std::span<const Operator> grid_sample_operators();
std::span<const Operator> linear_attention_operators();
std::span<const Operator> loss_operators();
std::span<const Operator> matmul_operators();
std::span<const Operator> ml_operators();
std::span<const Operator> normalization_operators();
std::span<const Operator> object_detection_operators();
std::span<const Operator> optimizer_operators();
std::span<const Operator> pad_operators();
std::span<const Operator> pooling_operators();
std::span<const Operator> quantization_operators();
std::span<const Operator> quantized_product_operators();
std::span<const Operator> random_operators();
std::span<const Operator> reduction_operators();
std::span<const Operator> reshape_operators();
std::span<const Operator> resize_operators();
std::span<const Operator> rnn_operators();
std::span<const Operator> scatter_operators();
std::span<const Operator> selection_operators();
std::span<const Operator> sequence_operators();
std::span<const Operator> signal_operators();
std::span<const Operator> slicing_operators();
std::span<const Operator> text_operators();
std::span<const Operator> tfidf_operators();
std::span<const Operator> tree_operators();
std::span<const Operator> unary_operators();
// Of kFusedDomain (fuse.h).
std::span<const Operator> fused_operators();

/// The operator of that domain and type, or nullptr. O(1).
const Operator* find_operator(std::string_view domain, std::string_view type);

/// "Conv", "com.example.Conv": how messages and options name the operator of a node.
std::string operator_name(const ir::Node& node);

/// All operators with a kernel as "domain.Type" ("Type" in the default domain), sorted.
std::vector<std::string> known_operators();

}  // namespace allot::exec
