// SPDX-License-Identifier: Apache-2.0
// A model of one node, for tests of kernels.
#pragma once

#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "exec/program.h"
#include "ir/model.h"

namespace allot::test {

using AttributeValue =
    std::variant<int64_t, double, std::string, std::vector<int64_t>, std::vector<double>, std::vector<std::string>>;
using Attributes = std::vector<std::pair<std::string, AttributeValue>>;

inline ir::Attribute make_attribute(ir::Model& model, const std::string& name, const AttributeValue& value) {
  using Kind = ir::Attribute::Kind;
  ir::Attribute attribute;
  attribute.name = model.intern(name);
  if (const auto* i = std::get_if<int64_t>(&value)) {
    attribute.kind = Kind::int_;
    attribute.i = *i;
  } else if (const auto* f = std::get_if<double>(&value)) {
    attribute.kind = Kind::float_;
    attribute.f = static_cast<float>(*f);
  } else if (const auto* s = std::get_if<std::string>(&value)) {
    attribute.kind = Kind::string;
    attribute.s = model.intern(*s);
  } else if (const auto* ints = std::get_if<std::vector<int64_t>>(&value)) {
    attribute.kind = Kind::ints;
    attribute.ints = *ints;
  } else if (const auto* floats = std::get_if<std::vector<double>>(&value)) {
    attribute.kind = Kind::floats;
    attribute.floats.assign(floats->begin(), floats->end());
  } else {
    attribute.kind = Kind::strings;
    for (const std::string& text : std::get<std::vector<std::string>>(value))
      attribute.strings.push_back(model.intern(text));
  }
  return attribute;
}

/// Inputs "x0", "x1" ... of any type, outputs "y0" ...; an input listed in `absent` is left out.
inline ir::Model one_op(const std::string& op, int64_t opset, const Attributes& attributes, size_t inputs,
                        size_t outputs = 1, const std::vector<size_t>& absent = {}) {
  ir::Model model;
  model.ir_version = 10;
  model.opset_imports.push_back({"", opset, {}});
  ir::Node node;
  node.op_type = model.intern(op);
  node.name = "node";
  for (size_t i = 0; i < inputs; ++i) {
    const bool left_out = std::find(absent.begin(), absent.end(), i) != absent.end();
    node.inputs.push_back(left_out ? "" : model.intern("x" + std::to_string(i)));
    if (left_out) continue;
    ir::ValueInfo info;
    info.name = node.inputs.back();
    model.graph.inputs.push_back(std::move(info));
  }
  for (size_t i = 0; i < outputs; ++i) {
    node.outputs.push_back(model.intern("y" + std::to_string(i)));
    ir::ValueInfo info;
    info.name = node.outputs.back();
    model.graph.outputs.push_back(std::move(info));
  }
  for (const auto& [name, value] : attributes) node.attributes.push_back(make_attribute(model, name, value));
  model.graph.nodes.push_back(std::move(node));
  return model;
}

}  // namespace allot::test
