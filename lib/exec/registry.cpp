// SPDX-License-Identifier: Apache-2.0
#include "exec/registry.h"

#include <algorithm>
#include <unordered_map>

#include <fmt/core.h>

#include "exec/families.h"
#include "exec/fuse.h"

namespace allot::exec {
namespace {

using Table = std::unordered_map<std::string_view, const Operator*>;

Table assemble(std::initializer_list<std::span<const Operator>> families) {
  Table table;
  for (const auto family : families)
    for (const Operator& op : family) table.emplace(op.type, &op);
  return table;
}

const Table& default_domain() {
  static const Table kTable = assemble({
      activation_operators(),
      arithmetic_operators(),
      attention_operators(),
      batch_normalization_operators(),
      bitwise_operators(),
      cast_operators(),
      comparison_operators(),
      control_flow_operators(),
      convolution_operators(),
      cumulative_operators(),
      deform_conv_operators(),
      determinant_operators(),
      dropout_operators(),
      gather_operators(),
      generator_operators(),
      grid_sample_operators(),
      linear_attention_operators(),
      loss_operators(),
      matmul_operators(),
      normalization_operators(),
      object_detection_operators(),
      pad_operators(),
      pooling_operators(),
      quantization_operators(),
      quantized_product_operators(),
      random_operators(),
      reduction_operators(),
      reshape_operators(),
      resize_operators(),
      rnn_operators(),
      scatter_operators(),
      selection_operators(),
      sequence_operators(),
      signal_operators(),
      slicing_operators(),
      text_operators(),
      tfidf_operators(),
      unary_operators(),
  });
  return kTable;
}

const Table& ml_domain() {
  static const Table kTable = assemble({ml_operators(), tree_operators()});
  return kTable;
}

const Table& training_domain() {
  static const Table kTable = assemble({optimizer_operators()});
  return kTable;
}

const Table& fused_domain() {
  static const Table kTable = assemble({fused_operators(), fused_rnn_operators()});
  return kTable;
}

const Operator* look_up(const Table& table, std::string_view type) {
  const auto found = table.find(type);
  return found == table.end() ? nullptr : found->second;
}

}  // namespace

const Operator* find_operator(std::string_view domain, std::string_view type) {
  if (domain.empty() || domain == "ai.onnx.preview") return look_up(default_domain(), type);
  if (domain == "ai.onnx.ml") return look_up(ml_domain(), type);
  if (domain == "ai.onnx.preview.training") return look_up(training_domain(), type);
  if (domain == kFusedDomain) return look_up(fused_domain(), type);
  return nullptr;
}

std::string operator_name(const ir::Node& node) {
  return node.domain.empty() ? std::string(node.op_type) : fmt::format("{}.{}", node.domain, node.op_type);
}

std::vector<std::string> known_operators() {
  std::vector<std::string> names;
  const auto add = [&](const std::string& prefix, const Table& table) {
    for (const auto& [type, op] : table) names.push_back(prefix + std::string(type));
  };
  add("", default_domain());
  add("ai.onnx.ml.", ml_domain());
  add("ai.onnx.preview.training.", training_domain());
  std::sort(names.begin(), names.end());
  return names;
}

}  // namespace allot::exec
