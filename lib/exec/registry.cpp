// SPDX-License-Identifier: Apache-2.0
#include "exec/registry.h"

#include <algorithm>
#include <unordered_map>

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
      cast_operators(),
      control_flow_operators(),
      matmul_operators(),
  });
  return kTable;
}

const Table& fused_domain() {
  static const Table kTable = assemble({fused_operators()});
  return kTable;
}

}  // namespace

const Operator* find_operator(std::string_view domain, std::string_view type) {
  if (domain == kFusedDomain) {
    const auto found = fused_domain().find(type);
    return found == fused_domain().end() ? nullptr : found->second;
  }
  if (!domain.empty() && domain != "ai.onnx.preview") return nullptr;
  const auto found = default_domain().find(type);
  return found == default_domain().end() ? nullptr : found->second;
}

std::vector<std::string> known_operators() {
  std::vector<std::string> names;
  for (const auto& [type, op] : default_domain()) names.emplace_back(type);
  std::sort(names.begin(), names.end());
  return names;
}

}  // namespace allot::exec
