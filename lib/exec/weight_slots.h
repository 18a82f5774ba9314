// SPDX-License-Identifier: Apache-2.0
// What an operator's input is for, as far as training is concerned.
#pragma once

#include <string_view>

#include "ir/model.h"

namespace allot::exec {

enum class SlotKind : uint8_t {
  weight,     // a parameter of the operator: trained
  operand,    // of arithmetic: trained if the rest comes from something trained
  statistic,  // a running mean or variance: changed by BatchNormalization itself
  view,       // shown in another form, or as a part: also within a sequence
  part,     // joined with others: a view among weights (gates stored apart), an operand among computed values (a token)
  setting,  // shapes, bounds, ratios: never trained
};

struct WeightSlot {
  SlotKind kind = SlotKind::setting;
  std::string_view name;  // of a weight: "W", "scale" ...
};

/// Of input `input` of a node. `quantization_aware`: weights are seen through DequantizeLinear.
WeightSlot weight_slot(const ir::Node& node, size_t input, bool quantization_aware);

}  // namespace allot::exec
