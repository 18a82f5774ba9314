// SPDX-License-Identifier: Apache-2.0
// Small models made in memory.
#pragma once

#include <string>
#include <vector>

#include "ir/model.h"

namespace allot::test {

using Names = std::vector<ir::Str>;

inline ir::Node node(ir::Str type, Names inputs, Names outputs, ir::Str name = {}, ir::Str domain = {}) {
  ir::Node n;
  n.op_type = type;
  n.domain = domain;
  n.name = name;
  n.inputs = std::move(inputs);
  n.outputs = std::move(outputs);
  return n;
}

inline ir::ValueInfo value(ir::Str name) {
  ir::ValueInfo info;
  info.name = name;
  info.type.kind = ir::Type::Kind::tensor;
  info.type.elem = ir::DataType::float32;
  return info;
}

inline std::vector<ir::ValueInfo> values(const Names& names) {
  std::vector<ir::ValueInfo> result;
  for (const auto name : names) result.push_back(value(name));
  return result;
}

template <typename... Nodes>
std::vector<ir::Node> nodes(Nodes... list) {
  std::vector<ir::Node> result;
  (result.push_back(std::move(list)), ...);
  return result;
}

inline ir::Graph graph(Names inputs, std::vector<ir::Node> list, Names outputs) {
  ir::Graph g;
  g.name = "g";
  g.inputs = values(inputs);
  g.outputs = values(outputs);
  g.nodes = std::move(list);
  return g;
}

inline ir::Attribute attribute(ir::Str name, ir::Graph body) {
  ir::Attribute a;
  a.name = name;
  a.kind = ir::Attribute::Kind::graph;
  a.graphs.push_back(std::make_unique<ir::Graph>(std::move(body)));
  return a;
}

inline ir::Attribute attribute(ir::Str name, int64_t i) {
  ir::Attribute a;
  a.name = name;
  a.kind = ir::Attribute::Kind::int_;
  a.i = i;
  return a;
}

/// In a function body: the value of the function's attribute `of`.
inline ir::Attribute reference(ir::Str name, ir::Str of) {
  auto a = attribute(name, int64_t{0});
  a.ref_name = of;
  return a;
}

inline ir::Node with(ir::Node n, ir::Attribute a) {
  n.attributes.push_back(std::move(a));
  return n;
}

inline ir::Model model(ir::Graph g) {
  ir::Model m;
  m.ir_version = 10;
  m.graph = std::move(g);
  m.opset_imports = {{"", 21, {}}};
  return m;
}

inline ir::Function function(ir::Str name, Names inputs, std::vector<ir::Node> list, Names outputs) {
  ir::Function f;
  f.name = name;
  f.domain = "local";
  f.inputs = std::move(inputs);
  f.outputs = std::move(outputs);
  f.nodes = std::move(list);
  f.opset_imports = {{"", 21, {}}};
  return f;
}

}  // namespace allot::test
