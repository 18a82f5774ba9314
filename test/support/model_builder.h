// SPDX-License-Identifier: Apache-2.0
// Small ir::Models in a few lines, for tests that need no file.
//
//   ModelBuilder b;
//   b.input("x", {1, 3, 8, 8}).weight("w", {4, 3, 3, 3});
//   b.node("Conv", {"x", "w"}, {"y"}, {attr("pads", {1, 1, 1, 1})}).output("y");
//   ir::Model model = b.build();
//
// Bodies of control flow: `GraphBuilder body = b.body(); body.node(...)...;` then `attr("body", std::move(body))`.
#pragma once

#include <concepts>
#include <initializer_list>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "ir/model.h"

namespace allot::test {

class GraphBuilder;

/// An attribute before a model owns its strings and graph. Copyable, so that lists of them can be written in braces.
struct AttributeSpec {
  std::string name;
  ir::Attribute::Kind kind = ir::Attribute::Kind::undefined;
  int64_t i = 0;
  float f = 0;
  std::vector<int64_t> ints;
  std::vector<float> floats;
  std::vector<std::string> texts;    // kinds string (one) and strings
  std::shared_ptr<ir::Graph> graph;  // moved into the first node that takes it
};

class GraphBuilder {
 public:
  explicit GraphBuilder(ir::Model& model) : model_(&model), graph_(std::make_unique<ir::Graph>()) {}

  /// A dimension below 0 is left unknown.
  GraphBuilder& input(const std::string& name, const std::vector<int64_t>& dims,
                      ir::DataType dtype = ir::DataType::float32) {
    graph_->inputs.push_back(value_info(name, dims, dtype));
    return *this;
  }
  /// An input of any type, e.g. a sequence.
  GraphBuilder& input(const std::string& name, ir::Type type) {
    ir::ValueInfo info;
    info.name = model_->intern(name);
    info.type = std::move(type);
    graph_->inputs.push_back(std::move(info));
    return *this;
  }
  GraphBuilder& declare(const std::string& name, const std::vector<int64_t>& dims,
                        ir::DataType dtype = ir::DataType::float32) {
    graph_->value_infos.push_back(value_info(name, dims, dtype));
    return *this;
  }
  /// An output whose type is left to inference, or is stated.
  GraphBuilder& output(const std::string& name) {
    ir::ValueInfo info;
    info.name = model_->intern(name);
    graph_->outputs.push_back(std::move(info));
    return *this;
  }
  GraphBuilder& output(const std::string& name, const std::vector<int64_t>& dims,
                       ir::DataType dtype = ir::DataType::float32) {
    graph_->outputs.push_back(value_info(name, dims, dtype));
    return *this;
  }
  /// An initializer of that shape without content: costs and structure do not look at weights.
  GraphBuilder& weight(const std::string& name, const std::vector<int64_t>& dims,
                       ir::DataType dtype = ir::DataType::float32) {
    graph_->initializers.push_back(tensor(name, dims, dtype));
    return *this;
  }
  /// A one-dimensional int64 initializer, e.g. axes or a shape.
  GraphBuilder& ints(const std::string& name, const std::vector<int64_t>& content) {
    return content_tensor(name, {static_cast<int64_t>(content.size())}, ir::DataType::int64, content);
  }
  GraphBuilder& int_scalar(const std::string& name, int64_t content) {
    return content_tensor(name, {}, ir::DataType::int64, std::vector<int64_t>{content});
  }
  GraphBuilder& floats(const std::string& name, const std::vector<float>& content) {
    return content_tensor(name, {static_cast<int64_t>(content.size())}, ir::DataType::float32, content);
  }
  GraphBuilder& bool_scalar(const std::string& name, bool content) {
    return content_tensor(name, {}, ir::DataType::boolean, std::vector<char>{content});
  }

  /// `type` may carry a domain: "com.microsoft.FusedConv" has domain "com.microsoft".
  GraphBuilder& node(const std::string& type, const std::vector<std::string>& inputs,
                     const std::vector<std::string>& outputs, std::vector<AttributeSpec> attributes = {},
                     const std::string& name = "") {
    ir::Node node;
    const size_t dot = type.rfind('.');
    node.op_type = model_->intern(dot == std::string::npos ? type : type.substr(dot + 1));
    if (dot != std::string::npos) node.domain = model_->intern(type.substr(0, dot));
    if (!name.empty()) node.name = model_->intern(name);
    for (const auto& value : inputs) node.inputs.push_back(model_->intern(value));
    for (const auto& value : outputs) node.outputs.push_back(model_->intern(value));
    for (auto& attribute : attributes) node.attributes.push_back(own(std::move(attribute)));
    graph_->nodes.push_back(std::move(node));
    return *this;
  }

  /// A graph for a control-flow attribute, with strings in the same model.
  GraphBuilder body() { return GraphBuilder(*model_); }

  std::unique_ptr<ir::Graph> take() { return std::move(graph_); }
  ir::Graph& graph() { return *graph_; }

 private:
  ir::ValueInfo value_info(const std::string& name, const std::vector<int64_t>& dims, ir::DataType dtype) {
    ir::ValueInfo info;
    info.name = model_->intern(name);
    info.type.kind = ir::Type::Kind::tensor;
    info.type.elem = dtype;
    info.type.has_shape = true;
    for (const int64_t dim : dims) info.type.dims.push_back({dim < 0 ? -1 : dim, {}});
    return info;
  }
  ir::Tensor tensor(const std::string& name, const std::vector<int64_t>& dims, ir::DataType dtype) {
    ir::Tensor result;
    result.name = model_->intern(name);
    result.dtype = dtype;
    result.dims = dims;
    return result;
  }
  template <typename T>
  GraphBuilder& content_tensor(const std::string& name, const std::vector<int64_t>& dims, ir::DataType dtype,
                               const std::vector<T>& content) {
    ir::Tensor result = tensor(name, dims, dtype);
    result.payload.where = ir::Payload::Where::owned;
    result.payload.owned =
        std::make_shared<const std::string>(reinterpret_cast<const char*>(content.data()), content.size() * sizeof(T));
    graph_->initializers.push_back(std::move(result));
    return *this;
  }
  ir::Attribute own(AttributeSpec spec) {
    ir::Attribute attribute;
    attribute.name = model_->intern(std::move(spec.name));
    attribute.kind = spec.kind;
    attribute.i = spec.i;
    attribute.f = spec.f;
    attribute.ints = std::move(spec.ints);
    attribute.floats = std::move(spec.floats);
    for (auto& text : spec.texts) attribute.strings.push_back(model_->intern(std::move(text)));
    if (spec.kind == ir::Attribute::Kind::string) attribute.s = std::exchange(attribute.strings, {}).front();
    if (spec.graph) attribute.graphs.push_back(std::make_unique<ir::Graph>(std::move(*spec.graph)));
    return attribute;
  }

  ir::Model* model_;
  std::unique_ptr<ir::Graph> graph_;
};

/// Call build() once.
class ModelBuilder : public GraphBuilder {
 public:
  explicit ModelBuilder(int64_t opset = 21) : ModelBuilder(std::make_unique<ir::Model>(), opset) {}

  ModelBuilder& opset(const std::string& domain, int64_t version) {
    model_->opset_imports.push_back({model_->intern(domain), version, {}});
    return *this;
  }
  ir::Model& model() { return *model_; }
  ir::Model build() {
    model_->graph = std::move(*take());
    return std::move(*model_);
  }

 private:
  ModelBuilder(std::unique_ptr<ir::Model> model, int64_t version) : GraphBuilder(*model), model_(std::move(model)) {
    model_->ir_version = 10;
    opset("", version).opset("com.microsoft", 1).opset("ai.onnx.ml", 3);
    graph().name = model_->intern("main");
  }

  std::unique_ptr<ir::Model> model_;
};

inline AttributeSpec make_attr(std::string name, ir::Attribute::Kind kind) {
  AttributeSpec spec;
  spec.name = std::move(name);
  spec.kind = kind;
  return spec;
}
template <std::integral T>
AttributeSpec attr(std::string name, T value) {
  AttributeSpec spec = make_attr(std::move(name), ir::Attribute::Kind::int_);
  spec.i = static_cast<int64_t>(value);
  return spec;
}
template <std::floating_point T>
AttributeSpec attr(std::string name, T value) {
  AttributeSpec spec = make_attr(std::move(name), ir::Attribute::Kind::float_);
  spec.f = static_cast<float>(value);
  return spec;
}
inline AttributeSpec attr(std::string name, std::vector<int64_t> values) {
  AttributeSpec spec = make_attr(std::move(name), ir::Attribute::Kind::ints);
  spec.ints = std::move(values);
  return spec;
}
inline AttributeSpec attr(std::string name, std::initializer_list<int64_t> values) {
  return attr(std::move(name), std::vector<int64_t>(values));
}
inline AttributeSpec attr(std::string name, const char* text) {
  AttributeSpec spec = make_attr(std::move(name), ir::Attribute::Kind::string);
  spec.texts = {text};
  return spec;
}
inline AttributeSpec attr(std::string name, GraphBuilder body) {
  AttributeSpec spec = make_attr(std::move(name), ir::Attribute::Kind::graph);
  spec.graph = body.take();
  return spec;
}
inline AttributeSpec attr_floats(std::string name, std::vector<float> values) {
  AttributeSpec spec = make_attr(std::move(name), ir::Attribute::Kind::floats);
  spec.floats = std::move(values);
  return spec;
}
inline AttributeSpec attr_strings(std::string name, std::vector<std::string> texts) {
  AttributeSpec spec = make_attr(std::move(name), ir::Attribute::Kind::strings);
  spec.texts = std::move(texts);
  return spec;
}

}  // namespace allot::test
