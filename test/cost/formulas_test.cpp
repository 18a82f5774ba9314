// SPDX-License-Identifier: Apache-2.0
// Arithmetic of single operators against numbers worked out by hand from onnx-and-cost 5.3 and 5.4:
// div 4, sqrt 6, exp 8, log 10, pow 18, sin 12, tanh 12, erf 12, sigmoid 10.
#include <algorithm>
#include <catch2/catch.hpp>

#include "cost/one_node.h"

using namespace allot;
using namespace allot::test;
using cluster::OpClass;
using cluster::Precision;
using ir::DataType;

namespace {

struct Case {
  OneNode node;
  double mac, vector;
  OpClass op_class;
};

void check(const std::vector<Case>& cases) {
  for (const auto& [node, mac, vector, op_class] : cases) {
    CAPTURE(node.type, node.inputs[0].dims, node.opset);
    const cost::OpCost cost = cost_of(node);
    CHECK(cost.mac_flops == Approx(mac));
    CHECK(cost.vector_ops == Approx(vector));
    CHECK(cluster::name(cost.op_class) == cluster::name(op_class));
    CHECK(cost.known);
  }
}

constexpr auto kU8 = DataType::uint8;

}  // namespace

TEST_CASE("matrix products") {
  check({
      {{"MatMul", {in({2, 3, 4}), in({2, 4, 5})}}, 240, 0, OpClass::matmul},
      {{"MatMul", {in({4}), in({4, 5})}}, 40, 0, OpClass::matmul},
      {{"MatMul", {in({3, 4}), in({4})}}, 24, 0, OpClass::matmul},
      {{"MatMul", {in({4}), in({4})}}, 8, 0, OpClass::matmul},
      {{"MatMul", {in({7, 1, 3, 4}), in({2, 4, 5})}}, 1680, 0, OpClass::matmul},
      {{"Gemm", {in({3, 4}), in({4, 5})}}, 120, 0, OpClass::matmul},
      {{"Gemm", {in({3, 4}), in({4, 5}), in({5})}}, 120, 15, OpClass::matmul},
      {{"Gemm",
        {in({4, 3}), in({5, 4}), in({5})},
        {attr("transA", 1), attr("transB", 1), attr("alpha", 2.0), attr("beta", 0.5)}},
       120,
       45,
       OpClass::matmul},
      {{"MatMulInteger", {in({3, 4}, kU8), in({4, 5}, kU8)}}, 120, 45, OpClass::matmul},
      {{"QLinearMatMul",
        {in({3, 4}, kU8), in({}), in({}, kU8), in({4, 5}, kU8), in({}), in({}, kU8), in({}), in({}, kU8)}},
       120,
       45,
       OpClass::matmul},
      {{"com.microsoft.FusedMatMul", {in({4, 3}), in({4, 5})}, {attr("transA", 1), attr("alpha", 0.5)}},
       120,
       15,
       OpClass::matmul},
      {{"com.microsoft.FusedGemm", {in({3, 4}), in({4, 5}), in({5})}, {attr("activation", "Tanh")}},
       120,
       15 + 12 * 15,
       OpClass::matmul},
      {{"com.microsoft.MatMulNBits",
        {in({2, 3, 64}), in({16, 2, 16}, kU8), in({32})},
        {attr("K", 64), attr("N", 16), attr("bits", 4), attr("block_size", 32)}},
       12288,
       2048,
       OpClass::matmul},
      {{"com.microsoft.DynamicQuantizeMatMul", {in({3, 4}), in({4, 5}, kU8), in({}), in({}, kU8)}},
       120,
       105,
       OpClass::matmul},
      {{"com.microsoft.QGemm",
        {in({3, 4}, kU8), in({}), in({}, kU8), in({4, 5}, kU8), in({}), in({}, kU8), in({5}, DataType::int32)}},
       120,
       60,
       OpClass::matmul},
      {{"Det", {in({5, 3, 3})}}, 0, 90, OpClass::reduce},
      {{"com.microsoft.MoE", {in({2, 3, 8}), in({6, 4}), in({4, 16, 8}), none(), in({4, 8, 16})}, {attr("k", 2)}},
       6144,
       192,
       OpClass::matmul},
  });
  CHECK(cost_of({"MatMulInteger", {in({3, 4}, kU8), in({4, 5}, kU8)}}).precision == Precision::int8);
  CHECK(cost_of({"MatMul", {in({3, 4}, DataType::float16), in({4, 5}, DataType::float16)}}).precision ==
        Precision::float16);
}

TEST_CASE("einsum finds the cheapest order of products") {
  const auto einsum = [](const char* equation, std::vector<Arg> inputs) {
    return OneNode{"Einsum", std::move(inputs), {attr("equation", equation)}};
  };
  check({
      {einsum("bij,bjk->bik", {in({2, 3, 4}), in({2, 4, 5})}), 240, 0, OpClass::matmul},
      {einsum("ij,jk", {in({3, 4}), in({4, 5})}), 120, 0, OpClass::matmul},
      {einsum("...ij, ...jk -> ...ik", {in({7, 3, 4}), in({7, 4, 5})}), 840, 0, OpClass::matmul},
      {einsum("ij,jk,kl->il", {in({2, 3}), in({3, 4}), in({4, 5})}), 128, 0, OpClass::matmul},
      {einsum("ij,jk,kl->il", {in({10, 1}), in({1, 10}), in({10, 1})}), 40, 0, OpClass::matmul},
      {einsum("ab,bc,cd,de,ef,fg,gh->ah", std::vector<Arg>(7, in({2, 2}))), 96, 0, OpClass::matmul},
      {einsum("ij->i", {in({3, 4})}), 0, 12, OpClass::reduce},
      {einsum("ij->ji", {in({3, 4})}), 0, 0, OpClass::strided},
  });
}

TEST_CASE("convolutions") {
  const std::vector<int64_t> pads{1, 1, 1, 1};
  check({
      {{"Conv", {in({1, 3, 8, 8}), in({4, 3, 3, 3}), in({4})}, {attr("pads", pads)}}, 13824, 256, OpClass::conv},
      {{"Conv", {in({2, 3, 10}), in({5, 3, 4})}}, 1680, 0, OpClass::conv},
      {{"Conv", {in({1, 6, 5, 5}), in({6, 1, 3, 3})}, {attr("group", 6)}}, 972, 0, OpClass::depthwise_conv},
      {{"Conv", {in({1, 6, 5, 5}), in({4, 3, 3, 3})}, {attr("group", 2)}}, 2 * 36 * 27, 0, OpClass::conv},
      {{"com.microsoft.FusedConv",
        {in({1, 3, 8, 8}), in({4, 3, 3, 3}), none(), in({1, 4, 8, 8})},
        {attr("pads", pads), attr("activation", "Relu")}},
       13824,
       512,
       OpClass::conv},
      {{"ConvTranspose", {in({1, 4, 5, 5}), in({4, 2, 3, 3}), in({2})}, {attr("strides", {2, 2})}},
       3600,
       242,
       OpClass::conv},
      {{"DeformConv", {in({1, 4, 5, 5}), in({2, 4, 3, 3}), in({1, 18, 3, 3})}}, 1296, 2916, OpClass::conv},
      {{"DeformConv", {in({1, 4, 5, 5}), in({2, 4, 3, 3}), in({1, 18, 3, 3}), in({2}), in({1, 9, 3, 3})}},
       1296,
       18 + 3240,
       OpClass::conv},
      {{"ConvInteger", {in({1, 3, 8, 8}, kU8), in({4, 3, 3, 3}, kU8)}, {attr("pads", pads)}},
       13824,
       768,
       OpClass::conv},
      {{"QLinearConv",
        {in({1, 3, 8, 8}, kU8), in({}), in({}, kU8), in({4, 3, 3, 3}, kU8), in({}), in({}, kU8), in({}), in({}, kU8),
         in({4}, DataType::int32)},
        {attr("pads", pads)}},
       13824,
       1024,
       OpClass::conv},
      {{.type = "CausalConvWithState",
        .inputs = {in({2, 6, 10}), in({6, 1, 4})},
        .attributes = {attr("activation", "silu")},
        .opset = 27},
       960,
       1320,
       OpClass::depthwise_conv},
  });
}

TEST_CASE("pooling") {
  const std::vector<AttributeSpec> window{attr("kernel_shape", {3, 3}), attr("strides", {3, 3})};
  check({
      {{"MaxPool", {in({1, 2, 6, 6})}, window}, 0, 72, OpClass::pool},
      {{"AveragePool", {in({1, 2, 6, 6})}, window}, 0, 80, OpClass::pool},
      {{"LpPool", {in({1, 2, 6, 6})}, window}, 0, 192, OpClass::pool},
      {{"GlobalMaxPool", {in({2, 3, 4, 4})}}, 0, 96, OpClass::pool},
      {{"GlobalAveragePool", {in({2, 3, 4, 4})}}, 0, 102, OpClass::pool},
      {{"GlobalLpPool", {in({2, 3, 4, 4})}}, 0, 228, OpClass::pool},
      {{"RoiAlign",
        {in({1, 2, 8, 8}), in({3, 4}), in({3}, DataType::int64)},
        {attr("output_height", 2), attr("output_width", 2), attr("sampling_ratio", 2)}},
       0,
       1056,
       OpClass::pool},
      {{"RoiAlign",
        {in({1, 2, 8, 8}), in({3, 4}), in({3}, DataType::int64)},
        {attr("output_height", 2), attr("output_width", 2)}},
       0,
       4224,
       OpClass::pool},
  });
}

TEST_CASE("normalization and softmax") {
  check({
      {{"LayerNormalization", {in({2, 3, 4}), in({4})}}, 0, 216, OpClass::norm},
      {{.type = "RMSNormalization", .inputs = {in({2, 3, 4}), in({4})}, .opset = 23}, 0, 120, OpClass::norm},
      {{"InstanceNormalization", {in({2, 3, 4, 4}), in({3}), in({3})}}, 0, 792, OpClass::norm},
      {{"GroupNormalization", {in({2, 4, 3}), in({4}), in({4})}, {attr("num_groups", 2)}}, 0, 208, OpClass::norm},
      {{"BatchNormalization", {in({2, 3, 4, 4}), in({3}), in({3}), in({3}), in({3})}}, 0, 192, OpClass::elementwise},
      {{"BatchNormalization", {in({2, 3, 4, 4}), in({3}), in({3}), in({3}), in({3})}, {attr("training_mode", 1)}, 3},
       0,
       768,
       OpClass::elementwise},
      {{"MeanVarianceNormalization", {in({2, 3, 4, 4})}}, 0, 780, OpClass::norm},
      {{"LpNormalization", {in({2, 8})}}, 0, 60, OpClass::norm},
      {{"LRN", {in({1, 5, 2, 2})}, {attr("size", 3)}}, 0, 2580, OpClass::norm},
      {{"com.microsoft.SkipLayerNormalization", {in({1, 2, 4}), in({1, 2, 4}), in({4}), in({4}), in({4})}},
       0,
       88,
       OpClass::norm},
      {{"com.microsoft.SkipSimplifiedLayerNormalization", {in({1, 2, 4}), in({1, 2, 4}), in({4}), in({4})}},
       0,
       56,
       OpClass::norm},
      {{"com.microsoft.SkipSimplifiedLayerNormalization", {in({1, 2, 4}), in({1, 2, 4}), in({4})}},
       0,
       48,
       OpClass::norm},
      {{"Softmax", {in({2, 8})}}, 0, 192, OpClass::softmax},
      {{"LogSoftmax", {in({2, 3, 8})}}, 0, 636, OpClass::softmax},
      {{"LogSoftmax", {in({2, 3, 8})}, {attr("axis", 1)}}, 0, 736, OpClass::softmax},
      {{.type = "LogSoftmax", .inputs = {in({2, 3, 8})}, .opset = 11}, 0, 596, OpClass::softmax},
  });
}

TEST_CASE("attention") {
  const auto q = in({2, 4, 3, 8}), k = in({2, 2, 5, 8}), v = in({2, 2, 5, 6});
  const std::vector<AttributeSpec> heads{attr("q_num_heads", 4), attr("kv_num_heads", 2)};
  const auto sdpa = [](std::vector<Arg> inputs, std::vector<AttributeSpec> attributes = {}, size_t outputs = 1) {
    return OneNode{"Attention", std::move(inputs), std::move(attributes), outputs, 23};
  };
  check({
      {sdpa({q, k, v}), 3360, 1440, OpClass::attention},
      {sdpa({q, k, v, in({3, 5})}), 3360, 1560, OpClass::attention},
      {sdpa({q, k, v}, {attr("softcap", 3.0)}), 3360, 1440 + 120 * 14, OpClass::attention},
      {sdpa({in({2, 3, 32}), in({2, 5, 16}), in({2, 5, 12})}, heads), 3360, 1440, OpClass::attention},
      {sdpa({q, k, v, none(), in({2, 2, 7, 8}), in({2, 2, 7, 6})}, {}, 3), 8064, 288 * 12, OpClass::attention},
      {{"com.microsoft.Attention", {in({2, 3, 16}), in({16, 48}), in({48})}, {attr("num_heads", 4)}},
       10368,
       1152,
       OpClass::attention},
      {{"com.microsoft.MultiHeadAttention", {in({2, 3, 16}), in({2, 5, 16}), in({2, 5, 16})}, {attr("num_heads", 4)}},
       1920,
       1440,
       OpClass::attention},
      {{"com.microsoft.DecoderMaskedMultiHeadAttention",
        {in({2, 1, 16}), in({2, 1, 16}), in({2, 1, 16}), none(), none(), in({2, 4, 7, 4}), in({2, 4, 7, 4})},
        {attr("num_heads", 4)}},
       1024,
       64 * 12,
       OpClass::attention},
      {{"com.microsoft.GroupQueryAttention",
        {in({1, 1, 32}), in({1, 1, 16}), in({1, 1, 16}), in({1, 2, 9, 8}), in({1, 2, 9, 8}), in({1}, DataType::int32),
         in({1}, DataType::int32)},
        {attr("num_heads", 4), attr("kv_num_heads", 2)},
        3},
       1280,
       480,
       OpClass::attention},
      {{.type = "RotaryEmbedding", .inputs = {in({1, 2, 3, 8}), in({3, 4}), in({3, 4})}, .opset = 23},
       0,
       288,
       OpClass::elementwise},
      {{.type = "LinearAttention",
        .inputs = {in({2, 3, 16}), in({2, 3, 8}), in({2, 3, 10})},
        .attributes = {heads[0], heads[1], attr("update_rule", "linear")},
        .outputs = 2,
        .opset = 27},
       1440,
       0,
       OpClass::attention},
      {{.type = "LinearAttention",
        .inputs = {in({2, 3, 16}), in({2, 3, 8}), in({2, 3, 10}), none(), in({2, 3, 8})},
        .attributes = heads,
        .outputs = 2,
        .opset = 27},
       1920,
       624,
       OpClass::attention},
  });
}

TEST_CASE("recurrence") {
  const auto x = in({5, 2, 3});
  const std::vector<AttributeSpec> hidden{attr("hidden_size", 4)};
  check({
      {{"LSTM", {x, in({1, 16, 3}), in({1, 16, 4}), in({1, 32})}, hidden}, 2240, 2640, OpClass::rnn},
      {{"LSTM", {in({2, 5, 3}), in({1, 16, 3}), in({1, 16, 4}), in({1, 32})}, {hidden[0], attr("layout", 1)}},
       2240,
       2640,
       OpClass::rnn},
      {{"LSTM", {x, in({2, 16, 3}), in({2, 16, 4})}, {hidden[0], attr("direction", "bidirectional")}},
       4480,
       4640,
       OpClass::rnn},
      {{"LSTM", {x, in({1, 16, 3}), in({1, 16, 4}), none(), none(), none(), none(), in({1, 12})}, hidden},
       2240,
       2320 + 240,
       OpClass::rnn},
      {{"GRU", {x, in({1, 12, 3}), in({1, 12, 4}), in({1, 24})}, hidden}, 1680, 1720, OpClass::rnn},
      {{"RNN", {x, in({1, 4, 3}), in({1, 4, 4})}, hidden}, 560, 480, OpClass::rnn},
      {{"RNN", {x, in({1, 4, 3}), in({1, 4, 4})}, {hidden[0], attr_strings("activations", {"Relu"})}},
       560,
       40,
       OpClass::rnn},
  });
  CHECK(cost_of({"LSTM", {x, in({1, 16, 3}), in({1, 16, 4})}, hidden}).workspace_bytes == 640);
}

TEST_CASE("elementwise functions") {
  const auto x = in({2, 3});
  const auto e = OpClass::elementwise;
  check({
      {{"Relu", {x}}, 0, 6, e},
      {{"Clip", {x}}, 0, 12, e},
      {{"HardSigmoid", {x}}, 0, 24, e},
      {{"HardSwish", {x}}, 0, 30, e},
      {{"Elu", {x}}, 0, 66, e},
      {{"Sigmoid", {x}}, 0, 60, e},
      {{.type = "Swish", .inputs = {x}, .opset = 24}, 0, 66, e},
      {{"Mish", {x}}, 0, 6 * 34, e},
      {{"Tanh", {x}}, 0, 72, e},
      {{"Erf", {x}}, 0, 72, e},
      {{"Sqrt", {x}}, 0, 36, e},
      {{"Log", {x}}, 0, 60, e},
      {{"Gelu", {x}}, 0, 96, e},
      {{"com.microsoft.BiasGelu", {x, in({3})}}, 0, 102, e},
      {{"com.microsoft.FastGelu", {x}}, 0, 114, e},
      {{"com.microsoft.QuickGelu", {x}}, 0, 66, e},
      {{"Add", {x, in({3})}}, 0, 6, e},
      {{"Div", {x, x}}, 0, 24, e},
      {{"Pow", {x, x}}, 0, 108, e},
      {{"Less", {x, x}}, 0, 6, e},
      {{"Where", {in({3}, DataType::boolean), x, x}}, 0, 6, e},
      {{"Sum", {x, x, x}}, 0, 12, e},
      {{"Max", {x, x, x, x}}, 0, 18, e},
      {{"Mean", {x, x, x}}, 0, 18, e},
      {{"Cast", {x}, {attr("to", 10)}}, 0, 6, e},
      {{"RandomNormalLike", {x}}, 0, 60, e},
      {{"QuantizeLinear", {x, in({}), in({}, kU8)}}, 0, 18, OpClass::quantize},
      {{"DequantizeLinear", {in({2, 3}, kU8), in({}), in({}, kU8)}}, 0, 12, OpClass::quantize},
      {{.type = "DynamicQuantizeLinear", .inputs = {x}, .outputs = 3}, 0, 30, OpClass::quantize},
      {{"com.microsoft.QLinearAdd",
        {in({2, 3}, kU8), in({}), in({}, kU8), in({2, 3}, kU8), in({}), in({}, kU8), in({}), in({}, kU8)}},
       0,
       48,
       OpClass::quantize},
  });
}

TEST_CASE("reductions and searches") {
  const auto x = in({2, 3});
  const auto r = OpClass::reduce;
  check({
      {{"ReduceSum", {x, ints({1})}}, 0, 6, r},
      {{"ReduceMean", {x, ints({1})}}, 0, 8, r},
      {{"ReduceL1", {x, ints({1})}}, 0, 12, r},
      {{"ReduceL2", {x, ints({1})}}, 0, 24, r},
      {{"ReduceSumSquare", {x, ints({1})}}, 0, 12, r},
      {{"ReduceLogSum", {x, ints({1})}}, 0, 26, r},
      {{"ReduceLogSumExp", {x, ints({1})}}, 0, 74, r},
      {{.type = "ReduceMean", .inputs = {x}, .attributes = {attr("axes", {0})}, .opset = 11}, 0, 9, r},
      {{"ArgMax", {x}}, 0, 6, r},
      {{"CumSum", {x, scalar(1)}}, 0, 6, r},
      {{.type = "TopK", .inputs = {in({2, 8}), ints({3})}, .outputs = 2}, 0, 32, r},
      {{.type = "TopK", .inputs = {in({2, 8})}, .attributes = {attr("k", 4)}, .outputs = 2, .opset = 9}, 0, 48, r},
      {{"Unique", {in({8})}}, 0, 24, r},
      {{"NonZero", {x}}, 0, 6, r},
      {{"NonMaxSuppression", {in({1, 10, 4}), in({1, 2, 10}), scalar(5)}}, 0, 1200, OpClass::control},
      {{"NonMaxSuppression", {in({1, 10, 4}), in({1, 2, 10})}}, 0, 0, OpClass::control},
  });
}

TEST_CASE("images and signals") {
  const auto x = in({1, 1, 2, 2});
  const auto sizes = ints({1, 1, 4, 4});
  check({
      {{"Resize", {x, none(), none(), sizes}}, 0, 0, OpClass::resize},
      {{"Resize", {x, none(), none(), sizes}, {attr("mode", "linear")}}, 0, 144, OpClass::resize},
      {{"Resize", {x, none(), none(), sizes}, {attr("mode", "cubic")}}, 0, 560, OpClass::resize},
      {{"Resize", {x, none(), none(), ints({1, 1, 2, 4})}, {attr("mode", "linear")}}, 0, 24, OpClass::resize},
      {{"GridSample", {in({1, 2, 4, 4}), in({1, 3, 3, 2})}}, 0, 270, OpClass::resize},
      {{"GridSample", {in({1, 2, 4, 4}), in({1, 3, 3, 2})}, {attr("mode", "nearest")}}, 0, 18, OpClass::resize},
      {{"AffineGrid", {in({1, 2, 3}), ints({1, 1, 2, 3})}}, 0, 72, OpClass::elementwise},
      {{.type = "DFT", .inputs = {in({2, 8, 1})}, .attributes = {attr("axis", 1)}, .opset = 17},
       0,
       240,
       OpClass::reduce},
      {{"DFT", {in({2, 8, 1}), none(), scalar(1)}}, 0, 240, OpClass::reduce},
      {{"DFT", {in({1, 11, 1})}}, 0, 968, OpClass::reduce},
      {{"STFT", {in({1, 128, 1}), scalar(32), in({64})}}, 0, 5952, OpClass::reduce},
  });
}

TEST_CASE("classical models run on hosts only") {
  check({
      {{"ai.onnx.ml.TreeEnsembleRegressor", {in({7, 4})}, {attr("nodes_treeids", {0, 0, 0, 1, 1, 1})}},
       0,
       56,
       OpClass::gather},
      {{"ai.onnx.ml.LinearRegressor", {in({7, 4})}, {attr_floats("coefficients", {1, 2, 3, 4})}},
       0,
       56,
       OpClass::control},
      {{"ai.onnx.ml.SVMRegressor",
        {in({7, 2})},
        {attr_floats("support_vectors", {1, 2, 3, 4}), attr_floats("coefficients", {1, 2})}},
       0,
       7 * (8 + 16),
       OpClass::control},
  });
  CHECK(cost_of({"ai.onnx.ml.Scaler", {in({7, 4})}}).host_only);
  CHECK(cost_of({"StringNormalizer", {in({3}, DataType::string)}}).host_only);
  CHECK(cost_of({"Identity", {in({3}, DataType::string)}}).host_only);
  CHECK(cost_of({.type = "SequenceConstruct", .inputs = {in({3})}}).host_only);
  CHECK_FALSE(cost_of({"Relu", {in({3})}}).host_only);
}

TEST_CASE("an operator without formula counts its traffic and one operation an element") {
  const auto cost = cost_of({.type = "my.domain.Thing", .inputs = {in({2, 3})}, .declared = {in({2, 5})}});
  CHECK_FALSE(cost.known);
  CHECK(cluster::name(cost.op_class) == "opaque");
  CHECK(cost.vector_ops == 10);
  CHECK(cost.bytes_read == 24);
  CHECK(cost.bytes_written == 40);
}

TEST_CASE("the operator table names each operator once") {
  const auto names = cost::known_operators();
  CHECK(std::is_sorted(names.begin(), names.end()));
  CHECK(std::adjacent_find(names.begin(), names.end()) == names.end());
  for (const char* name : {"Conv", "MatMul", "Attention", "com.microsoft.MatMulNBits", "ai.onnx.ml.TreeEnsemble"}) {
    CAPTURE(name);
    CHECK(std::binary_search(names.begin(), names.end(), name));
  }
}
