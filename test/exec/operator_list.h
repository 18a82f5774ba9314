// SPDX-License-Identifier: Apache-2.0
// The operators and element types that the networks people train are made of: what must run without exception.
#pragma once

#include <algorithm>
#include <iterator>
#include <string_view>

#include "ir/model.h"

namespace allot::test {

constexpr std::string_view kCoreOperators[] = {
    "Abs",
    "Add",
    "And",
    "ArgMax",
    "ArgMin",
    "Attention",
    "AveragePool",
    "BatchNormalization",
    "Cast",
    "CastLike",
    "Ceil",
    "Celu",
    "Clip",
    "Concat",
    "Constant",
    "ConstantOfShape",
    "Conv",
    "ConvTranspose",
    "Cos",
    "CumSum",
    "DepthToSpace",
    "Div",
    "Dropout",
    "Einsum",
    "Elu",
    "Equal",
    "Erf",
    "Exp",
    "Expand",
    "EyeLike",
    "Flatten",
    "Floor",
    "GRU",
    "Gather",
    "GatherElements",
    "GatherND",
    "Gelu",
    "Gemm",
    "GlobalAveragePool",
    "GlobalMaxPool",
    "Greater",
    "GreaterOrEqual",
    "GridSample",
    "GroupNormalization",
    "HardSigmoid",
    "HardSwish",
    "Hardmax",
    "Identity",
    "If",
    "InstanceNormalization",
    "IsInf",
    "IsNaN",
    "LRN",
    "LSTM",
    "LayerNormalization",
    "LeakyRelu",
    "Less",
    "LessOrEqual",
    "Log",
    "LogSoftmax",
    "Loop",
    "LpNormalization",
    "MatMul",
    "Max",
    "MaxPool",
    "Mean",
    "Min",
    "Mish",
    "Mod",
    "Mul",
    "Neg",
    "NegativeLogLikelihoodLoss",
    "NonZero",
    "Not",
    "OneHot",
    "Or",
    "PRelu",
    "Pad",
    "Pow",
    "RMSNormalization",
    "RNN",
    "RandomNormal",
    "RandomNormalLike",
    "RandomUniform",
    "RandomUniformLike",
    "Range",
    "Reciprocal",
    "ReduceL1",
    "ReduceL2",
    "ReduceLogSum",
    "ReduceLogSumExp",
    "ReduceMax",
    "ReduceMean",
    "ReduceMin",
    "ReduceProd",
    "ReduceSum",
    "ReduceSumSquare",
    "Relu",
    "Reshape",
    "Resize",
    "RotaryEmbedding",
    "Round",
    "ScatterElements",
    "ScatterND",
    "Selu",
    "Shape",
    "Shrink",
    "Sigmoid",
    "Sign",
    "Sin",
    "Size",
    "Slice",
    "Softmax",
    "SoftmaxCrossEntropyLoss",
    "Softplus",
    "Softsign",
    "SpaceToDepth",
    "Split",
    "Sqrt",
    "Squeeze",
    "Sub",
    "Sum",
    "Swish",
    "Tan",
    "Tanh",
    "ThresholdedRelu",
    "Tile",
    "TopK",
    "Transpose",
    "Trilu",
    "Unsqueeze",
    "Upsample",
    "Where",
    "Xor",
};
static_assert(std::size(kCoreOperators) == 134);

inline bool is_core_type(const ir::Type& type) {
  using enum ir::DataType;
  constexpr ir::DataType kTypes[] = {boolean, int8, int16, int32, int64, uint8, float16, bfloat16, float32, float64};
  return type.kind == ir::Type::Kind::tensor &&
         std::find(std::begin(kTypes), std::end(kTypes), type.elem) != std::end(kTypes);
}

inline bool has_core_operators(const ir::Graph& graph) {
  return std::all_of(graph.nodes.begin(), graph.nodes.end(), [](const ir::Node& node) {
    const bool known =
        node.domain.empty() && std::binary_search(std::begin(kCoreOperators), std::end(kCoreOperators), node.op_type);
    return known && std::all_of(node.attributes.begin(), node.attributes.end(), [](const ir::Attribute& attribute) {
             return std::all_of(attribute.graphs.begin(), attribute.graphs.end(),
                                [](const auto& body) { return has_core_operators(*body); });
           });
  });
}

/// Whether a model uses only these operators, and gives and takes only tensors of these types.
inline bool is_core(const ir::Model& model) {
  const auto core = [](const ir::ValueInfo& value) { return is_core_type(value.type); };
  const auto& graph = model.graph;
  return has_core_operators(graph) && std::all_of(graph.inputs.begin(), graph.inputs.end(), core) &&
         std::all_of(graph.outputs.begin(), graph.outputs.end(), core);
}

}  // namespace allot::test
