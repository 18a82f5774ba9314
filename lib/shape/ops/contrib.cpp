// SPDX-License-Identifier: Apache-2.0
// com.microsoft: fused, quantized and channels-last forms of ONNX operators.
#include <algorithm>
#include <utility>

#include "shape/ops/convolution.h"
#include "shape/ops/matmul.h"
#include "shape/ops/normalization.h"
#include "shape/ops/window.h"
#include "shape/registry.h"

namespace allot::shape {
namespace {

using ir::DataType;

void same_as_input(Context& c) { c.copy(0, 0); }

void fused_conv(Context& c) { set_convolution(c, c.elem(0), 0, 1); }
void fused_gemm(Context& c) { set_gemm(c, c.elem(0), 0, 1); }
void q_gemm(Context& c) { set_gemm(c, c.has(8) ? c.elem(8) : DataType::float32, 0, 3); }

/// An operand as it is multiplied: `batch` moves the first dimension before the last, `flip` swaps the last two.
Dims transposed(Dims dims, bool batch, bool flip) {
  if (batch && dims.size() > 2) std::rotate(dims.begin(), dims.begin() + 1, dims.end() - 1);
  if (flip && dims.size() > 1) std::swap(dims[dims.size() - 1], dims[dims.size() - 2]);
  return dims;
}

void fused_matmul(Context& c) {
  c.set_elem(0, c.elem(0));
  const Dims *left = c.dims(0), *right = c.dims(1);
  if (!left || !right) return;
  const auto flag = [&](ir::Str name) { return c.node().int_or(name, 0) != 0; };
  auto dims = matmul_dims(c, transposed(*left, flag("transBatchA"), flag("transA")),
                          transposed(*right, flag("transBatchB"), flag("transB")));
  if (dims) c.set(0, c.elem(0), std::move(*dims));
}

void matmul(Context& c) { set_matmul(c, c.elem(0), 0, 1); }
void matmul_integer_to_float(Context& c) { set_matmul(c, c.elem(2), 0, 1); }

/// Weights of K by N packed into blocks: only the attributes know their sizes.
void matmul_blocks(Context& c) {
  c.set_elem(0, c.elem(0));
  const Dims* input = c.dims(0);
  const int64_t inner = c.node().int_or("K", -1), columns = c.node().int_or("N", -1);
  if (!input || input->empty() || columns < 0) return;
  if (inner >= 0 && input->back() != inner) c.contradict("{} columns meet {} rows", input->back(), inner);
  Dims dims = *input;
  dims.back() = columns;
  c.set(0, c.elem(0), std::move(dims));
}

/// Outputs: result, mean, inverse deviation, and the sum that was normalized.
void skip_layer_normalization(Context& c) {
  c.copy(0, 0);
  set_row_statistics(c, 1, 2, -1, DataType::float32);
  c.copy(3, 0);
}

void skip_group_norm(Context& c) {
  c.copy(0, 0);
  c.copy(1, 0);
}

/// The last dimension holds value and gate.
void bias_split_gelu(Context& c) {
  c.set_elem(0, c.elem(0));
  const Dims* input = c.dims(0);
  if (!input || input->empty()) return;
  Dims dims = *input;
  dims.back() /= 2;
  c.set(0, c.elem(0), std::move(dims));
}

/// Inputs: data, bias, residual, ratio, training mode; second output a mask or its bits.
void bias_dropout(Context& c) {
  c.copy(0, 0);
  c.copy(1, 0);
  c.set_elem(1, DataType::boolean);
  if (c.has(4) && c.number(4) != 0.0) c.mark_random();
}

/// Data and its parameters come in threes: value, scale, zero point.
void qlinear_binary(Context& c) {
  c.set_elem(0, c.elem(0));
  if (auto dims = c.broadcast({0, 3})) c.set(0, c.elem(0), std::move(*dims));
}

void qlinear_where(Context& c) {
  c.set_elem(0, c.elem(1));
  if (auto dims = c.broadcast({0, 1, 4})) c.set(0, c.elem(1), std::move(*dims));
}

/// Scale and zero point of the output, then threes.
void qlinear_concat(Context& c) {
  c.set_elem(0, c.elem(2));
  const Dims* first = c.dims(2);
  const auto axis = first ? c.axis(c.node().int_or("axis", 0), first->size()) : std::nullopt;
  if (!axis) return;
  Dims dims = *first;
  for (size_t i = 5; i < c.inputs(); i += 3) {
    const Dims* next = c.dims(i);
    if (!next) return;
    if (next->size() != dims.size())
      return c.contradict("ranks differ: {} joins {}", to_string(*next), to_string(dims));
    dims[*axis] += (*next)[*axis];
    if (!countable(dims)) return;
  }
  c.set(0, c.elem(2), std::move(dims));
}

/// A window over images whose channels may come last.
void pool(Context& c, bool channels_last) {
  c.set_elem(0, c.elem(0));
  const Dims* input = c.dims(0);
  if (!input || input->size() < 3) return;
  const auto window = read_window(c, input->size() - 2, {});
  if (!window) return;
  Dims dims = slide(c, *window, std::span(*input).subspan(channels_last ? 1 : 2, input->size() - 2));
  dims.insert(dims.begin(), (*input)[0]);
  dims.insert(channels_last ? dims.end() : dims.begin() + 1, channels_last ? input->back() : (*input)[1]);
  c.set(0, c.elem(0), std::move(dims));
}

void nhwc_max_pool(Context& c) { pool(c, true); }
void qlinear_average_pool(Context& c) { pool(c, c.node().int_or("channels_last", 0) != 0); }

void qlinear_global_average_pool(Context& c) {
  c.set_elem(0, c.elem(0));
  const Dims* input = c.dims(0);
  if (!input || input->size() < 3) return;
  const bool last = c.node().int_or("channels_last", 0) != 0;
  Dims dims = *input;
  std::fill(dims.begin() + (last ? 1 : 2), dims.end() - (last ? 1 : 0), 1);
  c.set(0, c.elem(0), std::move(dims));
}

/// X (batch, spatial..., channels), W as Conv has it.
void channels_last_conv(Context& c, size_t w) {
  c.set_elem(0, c.elem(0));
  const Dims *input = c.dims(0), *weight = c.dims(w);
  if (!input || !weight || input->size() < 3 || weight->size() != input->size()) return;
  const auto window = read_window(c, input->size() - 2, Dims(weight->begin() + 2, weight->end()));
  if (!window) return;
  Dims dims = slide(c, *window, std::span(*input).subspan(1, input->size() - 2));
  dims.insert(dims.begin(), (*input)[0]);
  dims.push_back((*weight)[0]);
  c.set(0, c.elem(0), std::move(dims));
}

void nhwc_conv(Context& c) { channels_last_conv(c, 1); }

void qlinear_conv(Context& c) {
  if (c.node().int_or("channels_last", 0) != 0)
    channels_last_conv(c, 3);
  else
    set_convolution(c, c.elem(7), 0, 3);
}

/// Rows of a table whose numbers are packed two to a byte when it is stored as uint8.
void gather_block_quantized(Context& c) {
  c.set_elem(0, c.elem(2));
  const Dims *data = c.dims(0), *indices = c.dims(1);
  if (!data || !indices) return;
  const auto axis = c.axis(c.node().int_or("gather_axis", 0), data->size());
  if (!axis) return;
  Dims dims(data->begin(), data->begin() + static_cast<ptrdiff_t>(*axis));
  dims.insert(dims.end(), indices->begin(), indices->end());
  dims.insert(dims.end(), data->begin() + static_cast<ptrdiff_t>(*axis) + 1, data->end());
  const bool packed = c.elem(0) == DataType::uint8 && c.node().int_or("bits", 4) == 4;
  if (packed && !dims.empty() && *axis + 1 != data->size()) dims.back() *= 2;
  c.set(0, c.elem(2), std::move(dims));
}

/// Distances of every row of A to every row of B.
void cdist(Context& c) {
  c.set_elem(0, c.elem(0));
  const Dims *a = c.dims(0), *b = c.dims(1);
  if (a && b && a->size() == 2 && b->size() == 2) c.set(0, c.elem(0), {(*a)[0], (*b)[0]});
}

/// An opaque blob of an execution provider: only the file knows its shapes.
void ep_context(Context&) {}

constexpr Operator kOperators[] = {
    {"BiasAdd", same_as_input},
    {"BiasDropout", bias_dropout},
    {"BiasGelu", same_as_input},
    {"BiasSoftmax", same_as_input},
    {"BiasSplitGelu", bias_split_gelu},
    {"CDist", cdist},
    {"DynamicQuantizeMatMul", matmul},
    {"EPContext", ep_context},
    {"FastGelu", same_as_input},
    {"FusedConv", fused_conv},
    {"FusedGemm", fused_gemm},
    {"FusedMatMul", fused_matmul},
    {"FusedMatMulActivation", fused_matmul},
    {"GatherBlockQuantized", gather_block_quantized},
    {"Gelu", same_as_input},
    {"GemmFastGelu", matmul},
    {"GroupNorm", same_as_input},
    {"Inverse", same_as_input},
    {"MatMulBnb4", matmul_blocks},
    {"MatMulFpQ4", matmul_blocks},
    {"MatMulIntegerToFloat", matmul_integer_to_float},
    {"MatMulNBits", matmul_blocks},
    {"NhwcConv", nhwc_conv},
    {"NhwcFusedConv", nhwc_conv},
    {"NhwcMaxPool", nhwc_max_pool},
    {"QGemm", q_gemm},
    {"QLinearAdd", qlinear_binary},
    {"QLinearAveragePool", qlinear_average_pool},
    {"QLinearConcat", qlinear_concat},
    {"QLinearConv", qlinear_conv},
    {"QLinearGlobalAveragePool", qlinear_global_average_pool},
    {"QLinearLeakyRelu", same_as_input},
    {"QLinearMul", qlinear_binary},
    {"QLinearSigmoid", same_as_input},
    {"QLinearSoftmax", same_as_input},
    {"QLinearWhere", qlinear_where},
    {"QuickGelu", same_as_input},
    {"SkipGroupNorm", skip_group_norm},
    {"SkipLayerNormalization", skip_layer_normalization},
    {"SkipSimplifiedLayerNormalization", skip_layer_normalization},
    {"TransposeMatMul", fused_matmul},
};

}  // namespace

std::span<const Operator> contrib_operators() { return kOperators; }

}  // namespace allot::shape
