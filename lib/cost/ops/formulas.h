// SPDX-License-Identifier: Apache-2.0
// The formulas that rows of the operator table name, by family (onnx-and-cost 5.3).
#pragma once

#include "cost/context.h"

namespace allot::cost::ops {

// matmul.cpp
void matmul(const Context&, OpCost&);
void gemm(const Context&, OpCost&);
void fused_matmul(const Context&, OpCost&);
void matmul_integer(const Context&, OpCost&);
void dynamic_quantize_matmul(const Context&, OpCost&);
void qlinear_matmul(const Context&, OpCost&);
void qgemm(const Context&, OpCost&);
void matmul_nbits(const Context&, OpCost&);
void det(const Context&, OpCost&);
void inverse(const Context&, OpCost&);
void mixture_of_experts(const Context&, OpCost&);
// einsum.cpp
void einsum(const Context&, OpCost&);
// nn.cpp
void conv(const Context&, OpCost&);
void conv_transpose(const Context&, OpCost&);
void deform_conv(const Context&, OpCost&);
void conv_integer(const Context&, OpCost&);
void qlinear_conv(const Context&, OpCost&);
void causal_conv(const Context&, OpCost&);
void max_pool(const Context&, OpCost&);
void average_pool(const Context&, OpCost&);
void lp_pool(const Context&, OpCost&);
void lrn(const Context&, OpCost&);
// normalization.cpp
void batch_norm(const Context&, OpCost&);
void layer_norm(const Context&, OpCost&);
void instance_norm(const Context&, OpCost&);
void group_norm(const Context&, OpCost&);
void mean_variance_norm(const Context&, OpCost&);
void lp_norm(const Context&, OpCost&);
void skip_layer_norm(const Context&, OpCost&);
void skip_group_norm(const Context&, OpCost&);
void embed_layer_norm(const Context&, OpCost&);
void softmax(const Context&, OpCost&);
void log_softmax(const Context&, OpCost&);
void bias_softmax(const Context&, OpCost&);
// attention.cpp
void attention(const Context&, OpCost&);
void linear_attention(const Context&, OpCost&);
void contrib_attention(const Context&, OpCost&);
void quantized_attention(const Context&, OpCost&);
void multi_head_attention(const Context&, OpCost&);
void packed_multi_head_attention(const Context&, OpCost&);
void group_query_attention(const Context&, OpCost&);
void decoder_masked_attention(const Context&, OpCost&);
void rotary_embedding(const Context&, OpCost&);
// rnn.cpp
void lstm(const Context&, OpCost&);
void gru(const Context&, OpCost&);
void rnn(const Context&, OpCost&);
// elementwise.cpp
void elementwise(const Context&, OpCost&);
void elementwise_of_input(const Context&, OpCost&);
void variadic(const Context&, OpCost&);
void bias_activation(const Context&, OpCost&);
void cast(const Context&, OpCost&);
void dropout(const Context&, OpCost&);
// reduction.cpp
void reduce(const Context&, OpCost&);
void reduce_mean(const Context&, OpCost&);
void reduce_l2(const Context&, OpCost&);
void reduce_log_sum(const Context&, OpCost&);
void top_k(const Context&, OpCost&);
void unique(const Context&, OpCost&);
// tensor.cpp
void alias(const Context&, OpCost&);
void transpose(const Context&, OpCost&);
void copy(const Context&, OpCost&);
void slice(const Context&, OpCost&);
void gather(const Context&, OpCost&);
void gather_block_quantized(const Context&, OpCost&);
void scatter(const Context&, OpCost&);
void host_call(const Context&, OpCost&);
// image.cpp
void resize(const Context&, OpCost&);
void grid_sample(const Context&, OpCost&);
void roi_align(const Context&, OpCost&);
void non_max_suppression(const Context&, OpCost&);
// signal.cpp
void dft(const Context&, OpCost&);
void stft(const Context&, OpCost&);
// abstract.cpp
void work(const Context&, OpCost&);
// ml.cpp
void tree_ensemble(const Context&, OpCost&);
void linear_model(const Context&, OpCost&);
void support_vectors(const Context&, OpCost&);
// control_flow.cpp
void if_(const Context&, OpCost&);
void loop(const Context&, OpCost&);
void scan(const Context&, OpCost&);
void sequence_map(const Context&, OpCost&);
/// How often a Loop (a hint, constant M) or Scan (length of the scanned axis) runs its body; nullopt if that is unknown.
std::optional<double> trip_count(const Context&);

}  // namespace allot::cost::ops
