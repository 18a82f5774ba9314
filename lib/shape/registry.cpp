// SPDX-License-Identifier: Apache-2.0
#include "shape/registry.h"

#include <algorithm>
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
      activation_operators(),  arithmetic_operators(), attention_operators(),     control_flow_operators(),
      convolution_operators(), generator_operators(),  image_operators(),         indexing_operators(),
      loss_operators(),        matmul_operators(),     normalization_operators(), object_detection_operators(),
      optional_operators(),    pooling_operators(),    quantization_operators(),  reduction_operators(),
      reshape_operators(),     rnn_operators(),        selection_operators(),     sequence_operators(),
      signal_operators(),      slicing_operators(),    text_operators(),
  });
  return kTable;
}

const Table& microsoft_domain() {
  static const Table kTable = assemble({contrib_attention_operators(), contrib_operators()});
  return kTable;
}

const Table& allot_domain() {
  static const Table kTable = assemble({abstract_operators()});
  return kTable;
}

const Table& ml_domain() {
  static const Table kTable = assemble({ml_operators()});
  return kTable;
}

const Table& training_domain() {
  static const Table kTable = assemble({training_operators()});
  return kTable;
}

Rule look_up(const Table& table, std::string_view type) {
  const auto found = table.find(type);
  return found == table.end() ? nullptr : found->second;
}

}  // namespace

Rule find_rule(std::string_view domain, std::string_view type) {
  if (domain.empty() || domain == "ai.onnx.preview") return look_up(default_domain(), type);
  if (domain == "ai.onnx.ml") return look_up(ml_domain(), type);
  if (domain == "allot") return look_up(allot_domain(), type);
  if (domain == "ai.onnx.preview.training") return look_up(training_domain(), type);
  if (domain != "com.microsoft") return nullptr;
  // That domain also has twins of ONNX operators under their own names: QuantizeLinear, Pad, Trilu ...
  const Rule rule = look_up(microsoft_domain(), type);
  return rule ? rule : look_up(default_domain(), type);
}

std::vector<std::string> known_operators() {
  std::vector<std::string> names;
  const auto add = [&](const std::string& prefix, const Table& table) {
    for (const auto& [type, rule] : table) names.push_back(prefix + std::string(type));
  };
  add("", default_domain());
  add("ai.onnx.ml.", ml_domain());
  add("ai.onnx.preview.training.", training_domain());
  add("allot.", allot_domain());
  add("com.microsoft.", microsoft_domain());
  std::sort(names.begin(), names.end());
  return names;
}

}  // namespace allot::shape
