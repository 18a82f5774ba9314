// SPDX-License-Identifier: Apache-2.0
// Gradient cases of arithmetic, activations, products, convolutions, pooling, normalisation and losses.
#pragma once

#include "exec/gradient_cases.h"

namespace allot::test {

using Floats = std::vector<double>;
using Ints = std::vector<int64_t>;
using Names = std::vector<std::string>;

inline std::vector<GradientCase> unary_gradient_cases() {
  std::vector<GradientCase> cases;
  for (const char* op : {"Exp", "Neg", "Sin", "Cos", "Tanh", "Sigmoid", "Erf", "Atan", "Sinh", "Cosh", "Asinh",
                         "Softplus", "Identity", "Gelu", "Mish", "Softsign"})
    cases.push_back({op, 22, {}, {grad({2, 3})}, 1});
  for (const char* op : {"Abs", "Relu", "Elu", "Selu", "Celu", "LeakyRelu", "HardSwish", "HardSigmoid"})
    cases.push_back({op, 22, {}, {distinct({2, 3})}, 1});
  for (const char* op : {"Log", "Sqrt", "Reciprocal"}) cases.push_back({op, 22, {}, {grad({2, 3}, 0.5, 2)}, 1});
  for (const char* op : {"Tan", "Asin", "Acos", "Atanh"}) cases.push_back({op, 22, {}, {grad({2, 3}, -0.8, 0.8)}, 1});
  cases.push_back({"Acosh", 22, {}, {grad({2, 3}, 1.5, 3)}, 1});
  cases.push_back({"Gelu", 20, {{"approximate", "tanh"}}, {grad({2, 3})}, 1});
  cases.push_back({"Elu", 6, {{"alpha", 0.7}}, {distinct({2, 3})}, 1});
  cases.push_back({"Celu", 12, {{"alpha", 0.7}}, {distinct({2, 3})}, 1});
  cases.push_back({"Selu", 6, {{"alpha", 1.5}, {"gamma", 1.2}}, {distinct({2, 3})}, 1});
  cases.push_back({"LeakyRelu", 16, {{"alpha", 0.3}}, {distinct({2, 3})}, 1});
  cases.push_back({"HardSigmoid", 6, {{"alpha", 0.3}, {"beta", 0.4}}, {distinct({2, 3})}, 1});
  cases.push_back({"ThresholdedRelu", 10, {{"alpha", 0.5}}, {grad({2, 3}, 0.6, 2)}, 1});
  cases.push_back({"Shrink", 9, {{"lambd", 0.3}, {"bias", 0.1}}, {grad({2, 3}, 0.4, 2)}, 1});
  cases.push_back({"Swish", 24, {{"alpha", 1.3}}, {grad({2, 3})}, 1});
  cases.push_back({"PRelu", 16, {}, {distinct({2, 3}), grad({3})}, 1});
  cases.push_back({"Clip", 6, {{"min", -0.5}, {"max", 0.5}}, {grad({2, 3}, -0.4, 0.4)}, 1});
  cases.push_back({"Clip", 13, {}, {grad({2, 3}, -2, 2), number(-1.0), number(1.0)}, 1});
  cases.push_back({"Softmax", 13, {}, {grad({2, 3, 2})}, 1});
  cases.push_back({"Softmax", 13, {{"axis", int64_t{1}}}, {grad({2, 3, 2})}, 1});
  cases.push_back({"Softmax", 11, {}, {grad({2, 3, 2})}, 1});
  cases.push_back({"LogSoftmax", 13, {{"axis", int64_t{0}}}, {grad({2, 3, 2})}, 1});
  cases.push_back({"LogSoftmax", 11, {{"axis", int64_t{2}}}, {grad({2, 3, 2})}, 1});
  return cases;
}

inline std::vector<GradientCase> arithmetic_gradient_cases() {
  std::vector<GradientCase> cases;
  for (const char* op : {"Add", "Sub", "Mul"}) {
    cases.push_back({op, 14, {}, {grad({2, 3}), grad({2, 3})}, 1});
    cases.push_back({op, 14, {}, {grad({2, 1, 3}), grad({4, 1})}, 1});
    cases.push_back({op, 6, {{"broadcast", int64_t{1}}, {"axis", int64_t{0}}}, {grad({2, 3}), grad({2})}, 1});
  }
  cases.push_back({"Div", 14, {}, {grad({2, 3}), grad({3}, 0.5, 2)}, 1});
  cases.push_back({"Pow", 15, {}, {grad({2, 3}, 0.5, 2), grad({3}, 0.5, 2)}, 1});
  cases.push_back(
      {"Mod", 13, {{"fmod", int64_t{1}}}, {grad({2, 3}, 0.2, 0.9), fixed_ints({1}, {1.0}, at::kDouble)}, 1});
  cases.push_back({"Max", 13, {}, {distinct({2, 3}), fixed_floats({3}, {0.01, -0.2, 0.4})}, 1});
  cases.push_back({"Min", 13, {}, {distinct({2, 3}), fixed_floats({3}, {0.01, -0.2, 0.4})}, 1});
  cases.push_back({"Sum", 13, {}, {grad({2, 3}), grad({3}), grad({1})}, 1});
  cases.push_back({"Mean", 13, {}, {grad({2, 3}), grad({3}), grad({1})}, 1});
  cases.push_back({"Where", 16, {}, {fixed_ints({2, 1}, {1, 0}, at::kBool), grad({2, 3}), grad({3})}, 1});
  return cases;
}

inline std::vector<GradientCase> product_gradient_cases() {
  return {
      {"MatMul", 13, {}, {grad({2, 3}), grad({3, 4})}, 1},
      {"MatMul", 13, {}, {grad({2, 1, 2, 3}), grad({3, 3, 2})}, 1},
      {"MatMul", 13, {}, {grad({3}), grad({2, 3, 2})}, 1},
      {"Gemm", 13, {}, {grad({2, 3}), grad({3, 4}), grad({4})}, 1},
      {"Gemm",
       13,
       {{"transA", int64_t{1}}, {"transB", int64_t{1}}, {"alpha", 0.7}, {"beta", 1.3}},
       {grad({3, 2}), grad({4, 3}), grad({2, 1})},
       1},
      {"Gemm", 11, {{"transB", int64_t{1}}}, {grad({2, 3}), grad({4, 3})}, 1},
      {"Einsum", 12, {{"equation", "bij,bjk->bik"}}, {grad({2, 2, 3}), grad({2, 3, 2})}, 1},
      {"Einsum", 12, {{"equation", "ii->i"}}, {grad({3, 3})}, 1},
      {"Det", 22, {}, {grad({2, 2, 2})}, 1},
      {"Conv", 22, {}, {grad({1, 2, 5, 5}), grad({3, 2, 3, 3}), grad({3})}, 1},
      {"Conv",
       22,
       {{"pads", Ints{1, 0, 2, 1}}, {"strides", Ints{2, 1}}, {"dilations", Ints{1, 2}}, {"group", int64_t{2}}},
       {grad({1, 2, 5, 6}), grad({2, 1, 2, 2})},
       1},
      {"Conv", 11, {{"auto_pad", "SAME_UPPER"}, {"strides", Ints{2}}}, {grad({1, 2, 5}), grad({1, 2, 3})}, 1},
      {"ConvTranspose",
       22,
       {{"strides", Ints{2, 2}}, {"pads", Ints{1, 0, 0, 1}}, {"output_padding", Ints{1, 0}}},
       {grad({1, 2, 3, 3}), grad({2, 2, 3, 3}), grad({2})},
       1},
      {"CausalConvWithState", 27, {{"activation", "silu"}}, {grad({1, 2, 4}), grad({2, 1, 3}), grad({2})}, 2},
      {"DeformConv",
       22,
       {{"kernel_shape", Ints{2, 2}}},
       {grad({1, 1, 3, 3}), grad({1, 1, 2, 2}), grad({1, 8, 2, 2}, 0.1, 0.4)},
       1},
  };
}

inline std::vector<GradientCase> pooling_gradient_cases() {
  return {
      {"MaxPool", 12, {{"kernel_shape", Ints{2, 2}}, {"strides", Ints{2, 1}}}, {distinct({1, 1, 4, 5})}, 1},
      {"MaxPool",
       12,
       {{"kernel_shape", Ints{3, 3}}, {"pads", Ints{1, 1, 1, 1}}, {"ceil_mode", int64_t{1}}, {"strides", Ints{2, 2}}},
       {distinct({1, 2, 4, 4})},
       1},
      {"AveragePool",
       19,
       {{"kernel_shape", Ints{2, 2}}, {"pads", Ints{1, 0, 0, 1}}, {"count_include_pad", int64_t{0}}},
       {grad({1, 1, 3, 4})},
       1},
      {"AveragePool",
       19,
       {{"kernel_shape", Ints{2, 2}}, {"pads", Ints{1, 1, 1, 1}}, {"count_include_pad", int64_t{1}}},
       {grad({1, 1, 3, 4})},
       1},
      {"LpPool", 18, {{"kernel_shape", Ints{2, 2}}, {"p", int64_t{3}}}, {grad({1, 1, 3, 3}, 0.2, 1)}, 1},
      {"GlobalAveragePool", 22, {}, {grad({2, 2, 3, 2})}, 1},
      {"GlobalMaxPool", 22, {}, {distinct({2, 2, 3, 2})}, 1},
      {"GlobalLpPool", 22, {{"p", int64_t{2}}}, {grad({2, 2, 3}, 0.2, 1)}, 1},
      {"MaxUnpool",
       22,
       {{"kernel_shape", Ints{2, 2}}, {"strides", Ints{2, 2}}},
       {grad({1, 1, 2, 2}), fixed_ints({1, 1, 2, 2}, {5, 7, 13, 15})},
       1},
      {"LRN", 13, {{"size", int64_t{3}}, {"alpha", 0.1}}, {grad({1, 4, 2, 2})}, 1},
  };
}

inline std::vector<GradientCase> normalization_gradient_cases() {
  const auto statistics = [] { return fixed_floats({2}, {0.1, -0.2}); };
  const auto variances = [] { return fixed_floats({2}, {0.8, 1.5}); };
  return {
      {"BatchNormalization", 15, {}, {grad({3, 2, 2}), grad({2}), grad({2}), statistics(), variances()}, 1},
      // Running statistics have no gradient, so they are not asked for.
      {"BatchNormalization",
       15,
       {{"training_mode", int64_t{1}}},
       {grad({3, 2, 2}), grad({2}), grad({2}), statistics(), variances()},
       1},
      {"InstanceNormalization", 22, {}, {grad({2, 2, 3}), grad({2}), grad({2})}, 1},
      {"LayerNormalization", 17, {}, {grad({2, 3, 4}), grad({4}), grad({4})}, 1},
      {"LayerNormalization", 17, {{"axis", int64_t{1}}}, {grad({2, 3, 2}), grad({3, 2}), absent()}, 1},
      {"GroupNormalization", 21, {{"num_groups", int64_t{2}}}, {grad({2, 4, 3}), grad({4}), grad({4})}, 1},
      {"GroupNormalization", 18, {{"num_groups", int64_t{2}}}, {grad({2, 4, 3}), grad({2}), grad({2})}, 1},
      {"RMSNormalization", 23, {}, {grad({2, 3}), grad({3})}, 1},
      {"LpNormalization", 22, {{"axis", int64_t{1}}}, {grad({2, 3})}, 1},
      {"LpNormalization", 22, {{"axis", int64_t{0}}, {"p", int64_t{1}}}, {distinct({2, 3})}, 1},
      {"MeanVarianceNormalization", 13, {}, {grad({2, 2, 3, 2})}, 1},
      {"NegativeLogLikelihoodLoss", 13, {}, {grad({3, 4}), fixed_ints({3}, {1, 0, 3})}, 1},
      {"NegativeLogLikelihoodLoss",
       13,
       {{"reduction", "sum"}, {"ignore_index", int64_t{0}}},
       {grad({2, 3, 2}), fixed_ints({2, 2}, {1, 0, 2, 1}), fixed_floats({3}, {0.5, 1, 2})},
       1},
      {"SoftmaxCrossEntropyLoss", 13, {}, {grad({3, 4}), fixed_ints({3}, {1, 0, 3})}, 2},
      {"SoftmaxCrossEntropyLoss",
       13,
       {{"reduction", "none"}},
       {grad({2, 3, 2}), fixed_ints({2, 2}, {1, 0, 2, 1}), fixed_floats({3}, {0.5, 1, 2})},
       1},
      {"SoftmaxCrossEntropyLoss",
       13,
       {{"reduction", "mean"}, {"ignore_index", int64_t{2}}},
       {grad({2, 3, 2}), fixed_ints({2, 2}, {1, 0, 2, 1}), fixed_floats({3}, {0.5, 1, 2})},
       1},
  };
}

}  // namespace allot::test
