// SPDX-License-Identifier: Apache-2.0
#include "graph/gradient_rules.h"

#include <unordered_map>

namespace allot::graph {
namespace {

using Keeps = GradientRule::Keeps;

constexpr uint64_t kAll = ~uint64_t{0}, kFirst = 1, kTwo = 3, kThree = 7, kNone = 0;

struct Row {
  std::string_view type;
  GradientRule rule;
};

// clang-format off
constexpr Row kRows[] = {
    // Products.
    {"MatMul", {Keeps::others, kAll}},
    {"Gemm", {Keeps::others, kAll}},
    {"Conv", {Keeps::others, kAll}},
    {"ConvTranspose", {Keeps::others, kAll}},
    {"DeformConv", {Keeps::inputs, kAll}},
    {"Einsum", {Keeps::others, kAll}},
    {"Mul", {Keeps::others, kAll}},
    {"com.microsoft.FusedMatMul", {Keeps::others, kAll}},
    {"com.microsoft.FusedConv", {Keeps::everything, kAll}},
    {"com.microsoft.FusedGemm", {Keeps::everything, kAll}},

    // Attention and recurrence. Scores are computed anew; masks have no gradient.
    {"Attention", {Keeps::everything, kThree}},
    {"com.microsoft.Attention", {Keeps::everything, kThree}},
    {"com.microsoft.MultiHeadAttention", {Keeps::everything, 0xF}},
    {"com.microsoft.GroupQueryAttention", {Keeps::everything, kThree}},
    {"LSTM", {Keeps::everything, kAll}},
    {"GRU", {Keeps::everything, kAll}},
    {"RNN", {Keeps::everything, kAll}},

    // Normalization. Running statistics have no gradient.
    {"BatchNormalization", {Keeps::inputs, kThree}},
    {"LayerNormalization", {Keeps::inputs, kThree}},
    {"RMSNormalization", {Keeps::inputs, kTwo}},
    {"InstanceNormalization", {Keeps::inputs, kThree}},
    {"GroupNormalization", {Keeps::inputs, kThree}},
    {"Softmax", {Keeps::output, kFirst}},
    {"LogSoftmax", {Keeps::output, kFirst}},

    // Functions whose derivative follows from their value.
    {"Relu", {Keeps::output, kFirst}},
    {"Sigmoid", {Keeps::output, kFirst}},
    {"Tanh", {Keeps::output, kFirst}},
    {"Exp", {Keeps::output, kFirst}},
    {"Sqrt", {Keeps::output, kFirst}},
    {"Reciprocal", {Keeps::output, kFirst}},
    {"Elu", {Keeps::output, kFirst}},
    {"Selu", {Keeps::output, kFirst}},
    {"LeakyRelu", {Keeps::output, kFirst}},
    {"Clip", {Keeps::inputs, kFirst}},
    {"Where", {Keeps::inputs, 6}},

    // Linear: the gradient is moved, summed or scaled by a constant.
    {"Add", {Keeps::nothing, kAll}},
    {"Sub", {Keeps::nothing, kAll}},
    {"Sum", {Keeps::nothing, kAll}},
    {"Mean", {Keeps::nothing, kAll}},
    {"Neg", {Keeps::nothing, kFirst}},
    {"Identity", {Keeps::nothing, kFirst}},
    {"Cast", {Keeps::nothing, kFirst}},
    {"CastLike", {Keeps::nothing, kFirst}},
    {"Dropout", {Keeps::nothing, kFirst}},
    {"Reshape", {Keeps::nothing, kFirst}},
    {"Flatten", {Keeps::nothing, kFirst}},
    {"Squeeze", {Keeps::nothing, kFirst}},
    {"Unsqueeze", {Keeps::nothing, kFirst}},
    {"Transpose", {Keeps::nothing, kFirst}},
    {"Concat", {Keeps::nothing, kAll}},
    {"Split", {Keeps::nothing, kFirst}},
    {"Slice", {Keeps::nothing, kFirst}},
    {"Pad", {Keeps::nothing, kFirst}},
    {"Expand", {Keeps::nothing, kFirst}},
    {"Tile", {Keeps::nothing, kFirst}},
    {"DepthToSpace", {Keeps::nothing, kFirst}},
    {"SpaceToDepth", {Keeps::nothing, kFirst}},
    {"Trilu", {Keeps::nothing, kFirst}},
    {"Resize", {Keeps::nothing, kFirst}},
    {"Upsample", {Keeps::nothing, kFirst}},
    {"CumSum", {Keeps::nothing, kFirst}},
    {"ReduceSum", {Keeps::nothing, kFirst}},
    {"ReduceMean", {Keeps::nothing, kFirst}},
    {"AveragePool", {Keeps::nothing, kFirst}},
    {"GlobalAveragePool", {Keeps::nothing, kFirst}},
    {"QuantizeLinear", {Keeps::nothing, kFirst}},
    {"DequantizeLinear", {Keeps::nothing, kFirst}},

    // Lookups and pools keep where they read; the indices are inputs.
    {"Gather", {Keeps::others, kFirst}},
    {"GatherElements", {Keeps::others, kFirst}},
    {"GatherND", {Keeps::others, kFirst}},
    {"ScatterElements", {Keeps::others, 5}},
    {"ScatterND", {Keeps::others, 5}},
    {"MaxPool", {Keeps::inputs, kFirst}},
    {"GlobalMaxPool", {Keeps::inputs, kFirst}},
    {"TopK", {Keeps::inputs, kFirst}},

    // Gradients end here.
    {"Floor", {Keeps::nothing, kNone}},
    {"Ceil", {Keeps::nothing, kNone}},
    {"Round", {Keeps::nothing, kNone}},
    {"Sign", {Keeps::nothing, kNone}},
    {"Shape", {Keeps::nothing, kNone}},
    {"Size", {Keeps::nothing, kNone}},
    {"Constant", {Keeps::nothing, kNone}},
    {"ConstantOfShape", {Keeps::nothing, kNone}},
    {"EyeLike", {Keeps::nothing, kNone}},
    {"Range", {Keeps::nothing, kNone}},
    {"OneHot", {Keeps::nothing, kNone}},
    {"RandomNormal", {Keeps::nothing, kNone}},
    {"RandomNormalLike", {Keeps::nothing, kNone}},
    {"RandomUniform", {Keeps::nothing, kNone}},
    {"RandomUniformLike", {Keeps::nothing, kNone}},
    {"Bernoulli", {Keeps::nothing, kNone}},
    {"NonMaxSuppression", {Keeps::nothing, kNone}},
};
// clang-format on

}  // namespace

GradientRule gradient_rule(std::string_view type) {
  static const auto rules = [] {
    std::unordered_map<std::string_view, GradientRule> index;
    for (const Row& row : kRows) index.emplace(row.type, row.rule);
    return index;
  }();
  const auto found = rules.find(type);
  return found == rules.end() ? GradientRule{} : found->second;
}

}  // namespace allot::graph
