// SPDX-License-Identifier: Apache-2.0
#include "ir/builder.h"

#include <utility>

#include <fmt/format.h>

namespace allot::ir {
namespace {

constexpr int64_t kIrVersion = 10;

template <typename T>
std::string bytes_of(const T* values, size_t count) {
  return {reinterpret_cast<const char*>(values), count * sizeof(T)};
}

}  // namespace

Builder::Builder(std::string graph_name, int64_t opset) {
  model_.ir_version = kIrVersion;
  model_.producer_name = "allot";
  model_.graph.name = model_.intern(std::move(graph_name));
  import("", opset);
}

Str Builder::input(std::string name, DataType elem, const std::vector<int64_t>& dims) {
  const Str value = model_.intern(std::move(name));
  model_.graph.inputs.push_back({value, tensor_type(elem, dims), {}, false});
  return value;
}

Str Builder::initializer(std::string name, DataType elem, std::vector<int64_t> dims, std::string bytes) {
  Tensor tensor;
  tensor.name = model_.intern(std::move(name));
  tensor.dtype = elem;
  tensor.dims = std::move(dims);
  tensor.payload.where = Payload::Where::owned;
  tensor.payload.owned = std::make_shared<const std::string>(std::move(bytes));
  model_.graph.initializers.push_back(std::move(tensor));
  return model_.graph.initializers.back().name;
}

Str Builder::ints(const std::vector<int64_t>& values) {
  Str& name = ints_[values];
  if (name.empty())
    name = initializer(fmt::format("ints_{}", fmt::join(values, "x")), DataType::int64,
                       {static_cast<int64_t>(values.size())}, bytes_of(values.data(), values.size()));
  return name;
}

Str Builder::number(float value) {
  Str& name = numbers_[value];
  if (name.empty()) name = initializer(fmt::format("number_{}", value), DataType::float32, {}, bytes_of(&value, 1));
  return name;
}

Str Builder::weight(const std::vector<int64_t>& dims) {
  ++num_weights_;
  return add("ConstantOfShape", {ints(dims)});
}

Str Builder::add(Str type, std::vector<Str> inputs, std::vector<Attribute> attributes) {
  return add_many(type, std::move(inputs), 1, std::move(attributes)).front();
}

std::vector<Str> Builder::add_many(Str type, std::vector<Str> inputs, size_t outputs,
                                   std::vector<Attribute> attributes) {
  Node node;
  node.op_type = type;
  node.name =
      model_.intern(fmt::format("{}{}{}_{}", scope_, scope_.empty() ? "" : "/", type, model_.graph.nodes.size()));
  node.inputs = std::move(inputs);
  node.attributes = std::move(attributes);
  for (size_t i = 0; i < outputs; ++i)
    node.outputs.push_back(outputs == 1 ? node.name : model_.intern(fmt::format("{}.{}", node.name, i)));
  model_.graph.nodes.push_back(std::move(node));
  return model_.graph.nodes.back().outputs;
}

void Builder::declare(Str value, DataType elem, const std::vector<int64_t>& dims) {
  model_.graph.value_infos.push_back({value, tensor_type(elem, dims), {}, false});
}

void Builder::output(Str value, DataType elem, const std::vector<int64_t>& dims) {
  model_.graph.outputs.push_back({value, tensor_type(elem, dims), {}, false});
}

Type tensor_type(DataType elem, const std::vector<int64_t>& dims) {
  Type type;
  type.kind = Type::Kind::tensor;
  type.elem = elem;
  type.has_shape = true;
  for (const int64_t dim : dims) type.dims.push_back({dim, {}});
  return type;
}

Attribute int_attribute(Str name, int64_t value) {
  Attribute attribute;
  attribute.name = name;
  attribute.kind = Attribute::Kind::int_;
  attribute.i = value;
  return attribute;
}

Attribute ints_attribute(Str name, std::vector<int64_t> values) {
  Attribute attribute;
  attribute.name = name;
  attribute.kind = Attribute::Kind::ints;
  attribute.ints = std::move(values);
  return attribute;
}

Attribute float_attribute(Str name, float value) {
  Attribute attribute;
  attribute.name = name;
  attribute.kind = Attribute::Kind::float_;
  attribute.f = value;
  return attribute;
}

}  // namespace allot::ir
