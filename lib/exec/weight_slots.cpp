// SPDX-License-Identifier: Apache-2.0
#include "exec/weight_slots.h"

#include <algorithm>
#include <iterator>

namespace allot::exec {
namespace {

struct Row {
  std::string_view op_type;
  size_t input;
  std::string_view name;
};

// Specification of mpl-train, 7.2, point 2.
constexpr Row kWeights[] = {
    {"Conv", 1, "W"},
    {"Conv", 2, "B"},
    {"ConvTranspose", 1, "W"},
    {"ConvTranspose", 2, "B"},
    {"DeformConv", 1, "W"},
    {"DeformConv", 3, "B"},
    {"Gemm", 0, "A"},
    {"Gemm", 1, "B"},
    {"Gemm", 2, "C"},
    {"MatMul", 0, "A"},
    {"MatMul", 1, "B"},
    {"LSTM", 1, "W"},
    {"LSTM", 2, "R"},
    {"LSTM", 3, "B"},
    {"LSTM", 7, "P"},
    {"GRU", 1, "W"},
    {"GRU", 2, "R"},
    {"GRU", 3, "B"},
    {"RNN", 1, "W"},
    {"RNN", 2, "R"},
    {"RNN", 3, "B"},
    {"BatchNormalization", 1, "scale"},
    {"BatchNormalization", 2, "B"},
    {"InstanceNormalization", 1, "scale"},
    {"InstanceNormalization", 2, "B"},
    {"LayerNormalization", 1, "scale"},
    {"LayerNormalization", 2, "B"},
    {"GroupNormalization", 1, "scale"},
    {"GroupNormalization", 2, "bias"},
    {"RMSNormalization", 1, "scale"},
    {"PRelu", 1, "slope"},
};

constexpr std::string_view kViews[] = {
    "Identity", "Transpose", "Reshape", "Squeeze",         "Unsqueeze",  "Cast",          "Flatten",
    "Slice",    "Split",     "Expand",  "SplitToSequence", "SequenceAt", "SequenceErase", "ConcatFromSequence"};
constexpr std::string_view kArithmetic[] = {"Add", "Sub", "Mul", "Div"};

template <typename List>
bool holds(const List& list, std::string_view type) {
  return std::find(std::begin(list), std::end(list), type) != std::end(list);
}

bool casts_to_float(const ir::Node& node) {
  const int64_t to = node.int_or("to", 0);
  return to > 0 && to <= ir::kMaxDataType && ir::is_float(static_cast<ir::DataType>(to));
}

}  // namespace

WeightSlot weight_slot(const ir::Node& node, size_t input, bool quantization_aware) {
  if (!node.domain.empty()) return {};
  for (const Row& row : kWeights)
    if (row.op_type == node.op_type && row.input == input) return {SlotKind::weight, row.name};
  if (node.op_type == "Einsum") return {SlotKind::weight, "operand"};
  // A table of rows that are picked whole: an embedding.
  if (node.op_type == "Gather" && input == 0 && node.int_or("axis", 0) == 0) return {SlotKind::weight, "table"};
  if (node.op_type == "BatchNormalization" && input >= 3) return {SlotKind::statistic, input == 3 ? "mean" : "var"};
  if (holds(kArithmetic, node.op_type)) return {SlotKind::operand, "operand"};
  if (node.op_type == "Concat" || node.op_type == "SequenceConstruct" ||
      (node.op_type == "SequenceInsert" && input < 2))
    return {SlotKind::part, "part"};
  if (input == 0 && holds(kViews, node.op_type) && (node.op_type != "Cast" || casts_to_float(node)))
    return {SlotKind::view, ""};
  if (quantization_aware && input == 0 && node.op_type == "DequantizeLinear") return {SlotKind::view, ""};
  return {};
}

}  // namespace allot::exec
