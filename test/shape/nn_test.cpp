// SPDX-License-Identifier: Apache-2.0
// Convolutions, pools, normalizations, recurrences, attention, quantization and the com.microsoft forms of them.
#include <catch2/catch.hpp>

#include "base/error.h"
#include "shape/one_node.h"

using namespace allot;
using namespace allot::test;
using ir::DataType;
using shape::Trust;

TEST_CASE("convolutions") {
  const auto conv = [](Dims x, Dims w, std::vector<AttributeSpec> attributes = {}) {
    return OneNode("Conv", {t(std::move(x)), t(std::move(w))}, std::move(attributes)).dims();
  };
  CHECK(conv({1, 3, 224, 224}, {64, 3, 7, 7}, {attr("strides", {2, 2}), attr("pads", {3, 3, 3, 3})}) ==
        Dims{1, 64, 112, 112});
  CHECK(conv({1, 4, 10}, {8, 2, 3}, {attr("group", 2), attr("dilations", {2})}) == Dims{1, 8, 6});
  CHECK(conv({1, 1, 5, 6}, {1, 1, 3, 3}, {attr("auto_pad", "SAME_UPPER"), attr("strides", {2, 2})}) ==
        Dims{1, 1, 3, 3});
  CHECK(conv({1, 1, 5, 6}, {1, 1, 3, 3}, {attr("auto_pad", "VALID"), attr("pads", {9, 9, 9, 9})}) == Dims{1, 1, 3, 4});
  CHECK(conv({0, 3, 8}, {4, 3, 3}) == Dims{0, 4, 6});
  CHECK(OneNode("QLinearConv",
                {t({1, 3, 8, 8}, DataType::uint8), t({}), t({}, DataType::uint8), t({4, 3, 1, 1}, DataType::int8),
                 t({}), t({}, DataType::int8), t({}), t({}, DataType::uint8)})
            .elem() == DataType::uint8);
  CHECK(OneNode("ConvInteger", {t({1, 1, 4}, DataType::uint8), t({1, 1, 2}, DataType::uint8)}).elem() ==
        DataType::int32);
  CHECK_THROWS_WITH(conv({1, 3, 8, 8}, {4, 5, 3, 3}), Catch::Contains("3 channels meet a weight for 5"));
  CHECK_THROWS_WITH(conv({1, 3, 8}, {4, 3, 3, 3}), Catch::Contains("differ in rank"));
  CHECK_THROWS_WITH(conv({1, 3, 8}, {4, 3, 9}), Catch::Contains("a window of 9 does not fit into 8"));
  CHECK_THROWS_WITH(conv({1, 3, 8}, {4, 3, 3}, {attr("strides", {0})}),
                    Catch::Contains("strides [0] must be 1 or more"));
  CHECK_THROWS_WITH(conv({1, 3, 8}, {4, 3, 3}, {attr("strides", {1, 1})}), Catch::Contains("strides has 2 numbers"));
  CHECK_THROWS_AS(conv({1, 3, 8}, {4, 3, 3}, {attr("dilations", {INT64_MAX})}), base::Error);
  CHECK_THROWS_AS(conv({1, 3, 8}, {4, 3, 3}, {attr("pads", {INT64_MAX, INT64_MAX})}), base::Error);
  CHECK_THROWS_AS(conv({1, 3, 8}, {4, 3, 3}, {attr("group", 0)}), base::Error);
}

TEST_CASE("transposed convolutions") {
  const auto transpose = [](std::vector<AttributeSpec> attributes) {
    return OneNode("ConvTranspose", {t({1, 4, 5, 5}), t({4, 2, 3, 3})}, std::move(attributes)).dims();
  };
  CHECK(transpose({attr("strides", {2, 3})}) == Dims{1, 2, 11, 15});
  CHECK(transpose({attr("strides", {2, 2}), attr("pads", {1, 1, 1, 1}), attr("output_padding", {1, 1})}) ==
        Dims{1, 2, 10, 10});
  CHECK(transpose({attr("output_shape", {12, 13}), attr("strides", {2, 2})}) == Dims{1, 2, 12, 13});
  CHECK(transpose({attr("auto_pad", "SAME_UPPER"), attr("strides", {2, 2})}) == Dims{1, 2, 10, 10});
  CHECK(transpose({attr("group", 2)}) == Dims{1, 4, 7, 7});
  CHECK_THROWS_AS(transpose({attr("strides", {INT64_MAX, 1})}), base::Error);
  CHECK(OneNode("Col2Im", {t({1, 20, 12}), ints({5, 5}), ints({2, 2})}).dims() == Dims{1, 5, 5, 5});
  CHECK_THROWS_AS(OneNode("Col2Im", {t({1, 20, 12}), ints({5, 5}), ints({0, 2})}), base::Error);
}

TEST_CASE("pools, also with the last window cut by the padding") {
  const auto pool = [](Dims x, std::vector<AttributeSpec> attributes) {
    return OneNode("MaxPool", {t(std::move(x))}, std::move(attributes), 22, 2).dims(1);
  };
  CHECK(pool({1, 3, 32, 32}, {attr("kernel_shape", {3, 3}), attr("strides", {2, 2}), attr("pads", {1, 1, 1, 1})}) ==
        Dims{1, 3, 16, 16});
  CHECK(pool({1, 1, 4, 4}, {attr("kernel_shape", {3, 3}), attr("strides", {2, 2}), attr("ceil_mode", 1)}) ==
        Dims{1, 1, 2, 2});
  CHECK(pool({1, 1, 2, 2}, {attr("kernel_shape", {1, 1}), attr("strides", {2, 2}), attr("ceil_mode", 1)}) ==
        Dims{1, 1, 1, 1});
  CHECK(OneNode("GlobalAveragePool", {t({2, 3, 8, 9})}).dims() == Dims{2, 3, 1, 1});
  CHECK(OneNode("MaxUnpool", {t({1, 1, 2, 2}), t({1, 1, 2, 2}, DataType::int64)},
                {attr("kernel_shape", {2, 2}), attr("strides", {2, 2})})
            .dims() == Dims{1, 1, 4, 4});
  CHECK(OneNode("MaxRoiPool", {t({1, 8, 9, 9}), t({5, 5})}, {attr("pooled_shape", {2, 3})}).dims() == Dims{5, 8, 2, 3});
  CHECK_THROWS_AS(pool({1, 3}, {attr("kernel_shape", {3, 3})}), base::Error);
}

TEST_CASE("normalizations keep the shape and give statistics") {
  const OneNode layer("LayerNormalization", {t({2, 5, 8}, DataType::float16), t({8}), t({8})}, {attr("axis", -1)}, 17,
                      3);
  CHECK(layer.dims(0) == Dims{2, 5, 8});
  CHECK(layer.dims(1) == Dims{2, 5, 1});
  CHECK(layer.elem(1) == DataType::float32);
  const OneNode batch("BatchNormalization", {t({2, 4, 8, 8}), t({4}), t({4}), t({4}), t({4})},
                      {attr("training_mode", 1)}, 15, 3);
  CHECK(batch.dims(2) == Dims{4});
  const OneNode dropout("Dropout", {t({2, 3})}, {}, 13, 2);
  CHECK(dropout.dims(1) == Dims{2, 3});
  CHECK(dropout.elem(1) == DataType::boolean);
}

TEST_CASE("Dropout is random in training only") {
  CHECK(OneNode("Dropout", {floats({1, 2})}).constant());
  CHECK(OneNode("Dropout", {floats({1, 2}), none(), flag(false)}).constant());
  CHECK_FALSE(OneNode("Dropout", {floats({1, 2}), none(), flag(true)}).constant());
}

TEST_CASE("recurrences by layout and direction") {
  const auto lstm = [](Dims x, std::vector<AttributeSpec> attributes) {
    attributes.push_back(attr("hidden_size", 16));
    return OneNode("LSTM", {t(std::move(x)), t({2, 64, 8}), t({2, 64, 16})}, std::move(attributes), 14, 3);
  };
  const auto both = lstm({7, 3, 8}, {attr("direction", "bidirectional")});
  CHECK(both.dims(0) == Dims{7, 2, 3, 16});
  CHECK(both.dims(1) == Dims{2, 3, 16});
  CHECK(both.dims(2) == Dims{2, 3, 16});
  const auto batch_first = lstm({3, 7, 8}, {attr("layout", 1)});
  CHECK(batch_first.dims(0) == Dims{3, 7, 1, 16});
  CHECK(batch_first.dims(1) == Dims{3, 1, 16});
  CHECK(OneNode("GRU", {t({7, 3, 8}), t({1, 48, 8}), t({1, 48, 16})}, {}, 14, 2).dims(0) == Dims{7, 1, 3, 16});
}

TEST_CASE("attention with packed and separate heads and a past") {
  const OneNode packed("Attention", {t({2, 5, 32}), t({2, 7, 16}), t({2, 7, 24})},
                       {attr("q_num_heads", 4), attr("kv_num_heads", 2)}, 23, 4);
  CHECK(packed.dims(0) == Dims{2, 5, 48});
  CHECK(packed.dims(1) == Dims{2, 2, 7, 8});
  CHECK(packed.dims(3) == Dims{2, 4, 5, 7});
  const OneNode past("Attention",
                     {t({2, 4, 5, 8}), t({2, 4, 1, 8}), t({2, 4, 1, 8}), none(), t({2, 4, 6, 8}), t({2, 4, 6, 8})}, {},
                     23, 4);
  CHECK(past.dims(0) == Dims{2, 4, 5, 8});
  CHECK(past.dims(2) == Dims{2, 4, 7, 8});
  CHECK_THROWS_AS(OneNode("Attention", {t({2, 5, 33}), t({2, 7, 16}), t({2, 7, 24})},
                          {attr("q_num_heads", 4), attr("kv_num_heads", 2)}, 23),
                  base::Error);
}

TEST_CASE("quantization takes its type from the zero point, the attribute or the scale") {
  CHECK(OneNode("QuantizeLinear", {t({2, 3}), t({})}).elem() == DataType::uint8);
  CHECK(OneNode("QuantizeLinear", {t({2, 3}), t({}), t({}, DataType::int8)}).elem() == DataType::int8);
  CHECK(OneNode("QuantizeLinear", {t({2, 3}), t({})}, {attr("output_dtype", 22)}).elem() == DataType::int4);
  CHECK(OneNode("DequantizeLinear", {t({2, 3}, DataType::int4), t({}, DataType::float16)}).elem() == DataType::float16);
  CHECK(OneNode("DequantizeLinear", {t({3, 3}, DataType::int4), t({})}).type().bytes() == 36);
  CHECK(OneNode("DynamicQuantizeLinear", {t({2, 3})}, {}, 11, 3).dims(1) == Dims{});
}

TEST_CASE("signals and losses") {
  CHECK(OneNode("DFT", {t({1, 10, 1})}, {attr("axis", 1), attr("onesided", 1)}, 17).dims() == Dims{1, 6, 2});
  CHECK(OneNode("DFT", {t({1, 6, 2}), none(), scalar(1)}, {attr("onesided", 1), attr("inverse", 1)}, 20).dims() ==
        Dims{1, 10, 1});
  CHECK(OneNode("STFT", {t({1, 128, 1}), scalar(8), none(), scalar(16)}).dims() == Dims{1, 15, 9, 2});
  CHECK(OneNode("HannWindow", {scalar(10)}).dims() == Dims{10});
  CHECK(OneNode("NegativeLogLikelihoodLoss", {t({3, 5}), t({3}, DataType::int64)}).dims() == Dims{});
  CHECK(OneNode("SoftmaxCrossEntropyLoss", {t({3, 5}), t({3}, DataType::int64)}, {attr("reduction", "none")}, 13, 2)
            .dims() == Dims{3});
  CHECK_THROWS_AS(OneNode("STFT", {t({1, 128, 1}), scalar(0), none(), scalar(16)}), base::Error);
}

TEST_CASE("com.microsoft: products") {
  CHECK(OneNode("com.microsoft.FusedMatMul", {t({2, 4, 3}), t({2, 4, 5})}, {attr("transA", 1)}).dims() ==
        Dims{2, 3, 5});
  CHECK(OneNode("com.microsoft.FusedMatMul", {t({4, 2, 3}), t({2, 3, 5})}, {attr("transBatchA", 1)}).dims() ==
        Dims{2, 4, 5});
  CHECK(OneNode("com.microsoft.FusedConv", {t({1, 3, 8, 8}), t({4, 3, 3, 3})}).dims() == Dims{1, 4, 6, 6});
  CHECK(OneNode("com.microsoft.MatMulNBits", {t({2, 7, 64}), t({96, 2, 16}, DataType::uint8), t({192})},
                {attr("K", 64), attr("N", 96), attr("bits", 4), attr("block_size", 32)})
            .dims() == Dims{2, 7, 96});
  CHECK(OneNode("com.microsoft.QGemm",
                {t({2, 3}, DataType::uint8), t({}), t({}, DataType::uint8), t({3, 4}, DataType::uint8)})
            .elem() == DataType::float32);
  CHECK(OneNode("com.microsoft.QLinearAdd",
                {t({2, 3}, DataType::uint8), t({}), none(), t({3}, DataType::uint8), t({}), none(), t({})})
            .dims() == Dims{2, 3});
  CHECK(OneNode("com.microsoft.QLinearConcat",
                {t({}), none(), t({2, 3}, DataType::uint8), t({}), none(), t({2, 4}, DataType::uint8), t({}), none()},
                {attr("axis", 1)})
            .dims() == Dims{2, 7});
  CHECK(
      OneNode("com.microsoft.NhwcMaxPool", {t({1, 8, 9, 3}, DataType::int8)}, {attr("kernel_shape", {2, 2})}).dims() ==
      Dims{1, 7, 8, 3});
  CHECK(
      OneNode("com.microsoft.QLinearGlobalAveragePool", {t({1, 8, 9, 3}, DataType::uint8)}, {attr("channels_last", 1)})
          .dims() == Dims{1, 1, 1, 3});
  CHECK(OneNode("com.microsoft.NhwcConv", {t({1, 8, 8, 3}), t({4, 3, 3, 3})}).dims() == Dims{1, 6, 6, 4});
  CHECK(OneNode("com.microsoft.GatherBlockQuantized",
                {t({100, 32}, DataType::uint8), t({2, 5}, DataType::int64), t({100, 2}, DataType::float16)})
            .dims() == Dims{2, 5, 64});
  CHECK(OneNode("com.microsoft.QuantizeLinear", {t({2, 3}), t({}), t({}, DataType::uint16)}).elem() ==
        DataType::uint16);
}

TEST_CASE("com.microsoft: attention") {
  const OneNode self("com.microsoft.Attention", {t({2, 5, 16}), t({16, 48}), t({48})}, {attr("num_heads", 4)}, 17, 2);
  CHECK(self.dims(0) == Dims{2, 5, 16});
  CHECK(self.dims(1) == Dims{2, 2, 4, 5, 4});
  const OneNode multi("com.microsoft.MultiHeadAttention", {t({2, 5, 16}), t({2, 7, 16}), t({2, 7, 24})},
                      {attr("num_heads", 4)}, 17, 3);
  CHECK(multi.dims(0) == Dims{2, 5, 24});
  CHECK(multi.dims(1) == Dims{2, 4, 7, 4});
  CHECK(multi.dims(2) == Dims{2, 4, 7, 6});
  const OneNode packed("com.microsoft.MultiHeadAttention", {t({2, 5, 4, 3, 8})}, {attr("num_heads", 4)});
  CHECK(packed.dims() == Dims{2, 5, 32});
  const OneNode grouped("com.microsoft.GroupQueryAttention",
                        {t({1, 3, 64}), t({1, 3, 16}), t({1, 3, 16}), t({1, 2, 10, 8}), t({1, 2, 10, 8}),
                         t({1}, DataType::int32), t({}, DataType::int32)},
                        {attr("num_heads", 8), attr("kv_num_heads", 2)}, 17, 3);
  CHECK(grouped.dims(0) == Dims{1, 3, 64});
  CHECK(grouped.dims(1) == Dims{1, 2, 13, 8});
  const OneNode joined("com.microsoft.GroupQueryAttention", {t({1, 3, 96}), none(), none()},
                       {attr("num_heads", 8), attr("kv_num_heads", 2)});
  CHECK(joined.dims() == Dims{1, 3, 64});
  const OneNode embed("com.microsoft.EmbedLayerNormalization",
                      {t({2, 5}, DataType::int32), t({2, 5}, DataType::int32), t({100, 16})}, {}, 17, 2);
  CHECK(embed.dims(0) == Dims{2, 5, 16});
  CHECK(embed.dims(1) == Dims{2});
  const OneNode skip("com.microsoft.SkipLayerNormalization", {t({2, 5, 16}), t({2, 5, 16}), t({16})}, {}, 17, 4);
  CHECK(skip.dims(3) == Dims{2, 5, 16});
  CHECK(skip.dims(1) == Dims{2, 5, 1});
}

TEST_CASE("classical models and optimizers of other domains") {
  const OneNode trees("ai.onnx.ml.TreeEnsembleClassifier", {t({5, 4})}, {attr("classlabels_int64s", {0, 1, 2})}, 17, 2);
  CHECK(trees.dims(0) == Dims{5});
  CHECK(trees.dims(1) == Dims{5, 3});
  CHECK(OneNode("ai.onnx.ml.LinearRegressor", {t({5, 4})}, {attr("targets", 2)}).dims() == Dims{5, 2});
  CHECK(OneNode("ai.onnx.ml.LabelEncoder", {t({5}, DataType::string)}, {attr("values_int64s", {1, 2})}).elem() ==
        DataType::int64);
  CHECK(OneNode("ai.onnx.preview.training.Momentum", {t({}), t({}, DataType::int64), t({2}), t({2}), t({2})}, {}, 17, 2)
            .dims(1) == Dims{2});
}

TEST_CASE("an operator without rule takes the shape of its first input, and says so") {
  const OneNode custom("acme.Frobnicate", {t({2, 3}, DataType::float16)}, {}, 17, 2);
  CHECK(custom.dims(1) == Dims{2, 3});
  CHECK(custom.trust(1) == Trust::assumed);
  CHECK(custom.elem(0) == DataType::float16);
  CHECK_FALSE(OneNode("acme.Frobnicate", {floats({1})}).constant());
}
