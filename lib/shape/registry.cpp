// SPDX-License-Identifier: Apache-2.0
#include "shape/registry.h"

#include <unordered_map>

namespace allot::shape {
namespace {

using Table = std::unordered_map<std::string_view, Rule>;

Table assemble(std::initializer_list<std::span<const Operator>> families) {
  Table table;
  for (const auto family : families)
    for (const Operator& op : family) table.emplace(op.type, op.rule);
  return table;
}

const Table& default_domain() {
  static const Table kTable = assemble({
      activation_operators(), arithmetic_operators(), attention_operators(), control_flow_operators(),
      convolution_operators(), generator_operators(), image_operators(), indexing_operators(), loss_operators(),
      matmul_operators(), normalization_operators(), object_detection_operators(), optional_operators(),
      pooling_operators(), quantization_operators(), reduction_operators(), reshape_operators(), rnn_operators(),
      selection_operators(), sequence_operators(), signal_operators(), slicing_operators(), text_operators(),
  });
  return kTable;
}

const Table& microsoft_domain() {
  static const Table kTable = assemble({contrib_attention_operators(), contrib_operators()});
  return kTable;
}

}  // namespace

Rule find_rule(std::string_view domain, std::string_view type) {
  if (!domain.empty() && domain != "com.microsoft") return nullptr;
  if (!domain.empty()) {
    const auto found = microsoft_domain().find(type);
    if (found != microsoft_domain().end()) return found->second;
    // That domain also has twins of ONNX operators under their own names: QuantizeLinear, Pad, Trilu ...
  }
  const auto found = default_domain().find(type);
  return found == default_domain().end() ? nullptr : found->second;
}

}  // namespace allot::shape
