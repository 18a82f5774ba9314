// SPDX-License-Identifier: Apache-2.0
// Models of one node, to try an operator where ONNX's own suite has no case.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include <ATen/TensorOperators.h>
#include <ATen/ops/allclose.h>
#include <ATen/ops/tensor.h>

#include "base/error.h"
#include "exec/program.h"
#include "ir/builder.h"

namespace allot::test {

inline ir::Attribute string_attribute(ir::Str name, ir::Str text) {
  ir::Attribute attribute;
  attribute.name = name;
  attribute.kind = ir::Attribute::Kind::string;
  attribute.s = text;
  return attribute;
}

inline ir::Attribute strings_attribute(ir::Str name, std::vector<ir::Str> texts) {
  ir::Attribute attribute;
  attribute.name = name;
  attribute.kind = ir::Attribute::Kind::strings;
  attribute.strings = std::move(texts);
  return attribute;
}

inline ir::Attribute floats_attribute(ir::Str name, std::vector<float> values) {
  ir::Attribute attribute;
  attribute.name = name;
  attribute.kind = ir::Attribute::Kind::floats;
  attribute.floats = std::move(values);
  return attribute;
}

/// A model of one node with these inputs, typed as they are; absent ones are left out of the node.
inline ir::Model one_node(ir::Str type, int64_t opset, const std::vector<ir::Attribute>& attributes,
                          const std::vector<exec::Value>& inputs, size_t outputs = 1) {
  ir::Builder builder("one node", opset);
  std::vector<ir::Str> names;
  for (size_t i = 0; i < inputs.size(); ++i)
    names.push_back(inputs[i].absent() ? ir::Str()
                                       : builder.input("in" + std::to_string(i), inputs[i].dtype(), inputs[i].dims()));
  std::vector<ir::Attribute> copies;
  for (const ir::Attribute& attribute : attributes) copies.push_back(ir::clone(attribute));
  for (const ir::Str output : builder.add_many(type, names, outputs, std::move(copies)))
    builder.output(output, ir::DataType::undefined, {});
  return builder.finish();
}

/// Those inputs that a model of one node has.
inline std::vector<exec::Value> present(const std::vector<exec::Value>& inputs) {
  std::vector<exec::Value> given;
  for (const exec::Value& input : inputs)
    if (!input.absent()) given.push_back(input);
  return given;
}

/// An operator with its attributes.
struct OneNode {
  ir::Str type;
  int64_t opset = 21;
  std::vector<ir::Attribute> attributes = {};
  size_t outputs = 1;
  exec::KernelOptions options = {};

  /// What it gives for these inputs.
  std::vector<exec::Value> operator()(const std::vector<exec::Value>& inputs) const {
    exec::CompileOptions compile;
    compile.kernels = options;
    return exec::Program(one_node(type, opset, attributes, inputs, outputs), compile).run(present(inputs));
  }
};

/// Exit code and message of the error that a node ends with; empty when it runs.
inline std::string error_of(const OneNode& node, const std::vector<exec::Value>& inputs) {
  try {
    node(inputs);
  } catch (const base::Error& error) {
    return fmt::format("{} {}", base::exit_code(error.kind()), error.message());
  }
  return "";
}

inline at::Tensor ints(const std::vector<int64_t>& numbers) { return at::tensor(numbers, at::kLong); }

/// Rows of numbers as a float32 tensor of that shape.
inline at::Tensor floats(const std::vector<double>& numbers, const std::vector<int64_t>& dims,
                         at::ScalarType type = at::kFloat) {
  return at::tensor(numbers, at::kDouble).to(type).reshape(dims);
}

inline bool close(const exec::Value& actual, const at::Tensor& wanted, double tolerance = 1e-5) {
  return actual.is_tensor() && actual.tensor().scalar_type() == wanted.scalar_type() &&
         actual.tensor().sizes() == wanted.sizes() && at::allclose(actual.tensor(), wanted, tolerance, tolerance, true);
}

}  // namespace allot::test
