// SPDX-License-Identifier: Apache-2.0
// Models of one node, for tests of formulas.
#pragma once

#include <string>
#include <vector>

#include "cost/op_cost.h"
#include "support/model_builder.h"

namespace allot::test {

/// An input of the node: a graph input of that type, an int64 constant, or absent.
struct Arg {
  std::vector<int64_t> dims;
  ir::DataType dtype = ir::DataType::float32;
  bool absent = false, constant = false;
  std::vector<int64_t> content;
};
inline Arg in(std::vector<int64_t> dims, ir::DataType dtype = ir::DataType::float32) {
  return {std::move(dims), dtype, false, false, {}};
}
inline Arg ints(std::vector<int64_t> content) {
  return {{static_cast<int64_t>(content.size())}, ir::DataType::int64, false, true, std::move(content)};
}
inline Arg scalar(int64_t content) { return {{}, ir::DataType::int64, false, true, {content}}; }
inline Arg none() { return {{}, ir::DataType::undefined, true, false, {}}; }

struct OneNode {
  std::string type;
  std::vector<Arg> inputs;
  std::vector<AttributeSpec> attributes = {};
  size_t outputs = 1;
  int64_t opset = 21;
  /// Shapes of the outputs, where inference is not to find them.
  std::vector<Arg> declared = {};
};

/// The cost of a model's node of that index in the main graph.
inline cost::OpCost cost_of_node(const ir::Model& model, ir::NodeId node, const shape::Bindings& bindings = {}) {
  return cost::op_cost(graph::prepare(model, bindings), node);
}

inline cost::OpCost cost_of(const OneNode& spec) {
  ModelBuilder b(spec.opset);
  b.opset("ai.onnx.preview", 1);
  std::vector<std::string> inputs, outputs;
  for (size_t i = 0; i < spec.inputs.size(); ++i) {
    const Arg& arg = spec.inputs[i];
    inputs.push_back(arg.absent ? "" : "in" + std::to_string(i));
    if (arg.constant && arg.dims.empty())
      b.int_scalar(inputs.back(), arg.content[0]);
    else if (arg.constant)
      b.ints(inputs.back(), arg.content);
    else if (!arg.absent)
      b.input(inputs.back(), arg.dims, arg.dtype);
  }
  for (size_t i = 0; i < spec.outputs; ++i) {
    outputs.push_back("out" + std::to_string(i));
    if (i < spec.declared.size())
      b.output(outputs.back(), spec.declared[i].dims, spec.declared[i].dtype);
    else
      b.output(outputs.back());
  }
  b.node(spec.type, inputs, outputs, spec.attributes);
  const ir::Model model = b.build();
  return cost_of_node(model, 0);
}

}  // namespace allot::test
