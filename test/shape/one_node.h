// SPDX-License-Identifier: Apache-2.0
// Inference of a single operator in one line of a test.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "ir/values.h"
#include "shape/infer.h"
#include "support/model_builder.h"

namespace allot::test {

using Dims = std::vector<int64_t>;

/// An input of the operator: a graph input of that shape, a known tensor, or nothing.
struct Arg {
  enum class Kind { input, ints, scalar, floats, flag, absent } kind = Kind::absent;
  Dims dims;  // or the integers
  ir::DataType elem = ir::DataType::float32;
  std::vector<float> floats;
};
inline Arg t(Dims dims, ir::DataType elem = ir::DataType::float32) {
  return {Arg::Kind::input, std::move(dims), elem, {}};
}
inline Arg ints(Dims values) { return {Arg::Kind::ints, std::move(values), ir::DataType::int64, {}}; }
inline Arg scalar(int64_t value) { return {Arg::Kind::scalar, {value}, ir::DataType::int64, {}}; }
inline Arg floats(std::vector<float> values) {
  return {Arg::Kind::floats, {}, ir::DataType::float32, std::move(values)};
}
inline Arg flag(bool value) { return {Arg::Kind::flag, {value}, ir::DataType::boolean, {}}; }
inline Arg none() { return {}; }

class OneNode {
 public:
  OneNode(const std::string& op, const std::vector<Arg>& args, std::vector<AttributeSpec> attributes = {},
          int64_t opset = 21, size_t outputs = 1)
      : model_(build(op, args, std::move(attributes), opset, outputs)),
        values_(ir::resolve(model_)),
        result_(shape::infer(model_, values_, {})) {}

  const shape::ValueType& type(size_t output = 0) const { return result_.types[id(output)]; }
  const Dims& dims(size_t output = 0) const { return type(output).dims; }
  ir::DataType elem(size_t output = 0) const { return type(output).elem; }
  shape::Trust trust(size_t output = 0) const {
    return type(output).has_rank ? type(output).trust : shape::Trust::unknown;
  }
  /// Empty when not known.
  const std::vector<double>& content(size_t output = 0) const { return result_.content[id(output)].data; }
  bool known(size_t output = 0) const { return result_.content[id(output)].known; }
  size_t outputs() const { return values_.outputs[0].size(); }
  bool constant(size_t output = 0) const { return result_.constant[id(output)] != 0; }

 private:
  static ir::Model build(const std::string& op, const std::vector<Arg>& args, std::vector<AttributeSpec> attributes,
                         int64_t opset, size_t outputs) {
    ModelBuilder b(opset);
    std::vector<std::string> in, out;
    for (const Arg& arg : args) {
      const std::string name = arg.kind == Arg::Kind::absent ? "" : "in" + std::to_string(in.size());
      in.push_back(name);
      if (arg.kind == Arg::Kind::input) b.input(name, arg.dims, arg.elem);
      if (arg.kind == Arg::Kind::ints) b.ints(name, arg.dims);
      if (arg.kind == Arg::Kind::scalar) b.int_scalar(name, arg.dims[0]);
      if (arg.kind == Arg::Kind::floats) b.floats(name, arg.floats);
      if (arg.kind == Arg::Kind::flag) b.bool_scalar(name, arg.dims[0] != 0);
    }
    for (size_t o = 0; o < outputs; ++o) out.push_back("out" + std::to_string(o));
    b.node(op, in, out, std::move(attributes));
    for (const auto& name : out) b.output(name);
    return b.build();
  }
  ir::ValueId id(size_t output) const { return values_.find("out" + std::to_string(output)); }

  ir::Model model_;
  ir::Values values_;
  shape::Result result_;
};

}  // namespace allot::test
