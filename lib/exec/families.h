// SPDX-License-Identifier: Apache-2.0
// The tables of operators; only registry.cpp includes them, so that a new family compiles no other.
#pragma once

#include <span>

#include "exec/registry.h"

namespace allot::exec {

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
std::span<const Operator> fused_rnn_operators();

}  // namespace allot::exec
