// SPDX-License-Identifier: Apache-2.0
#include "onnxio/function_body.h"

#include <algorithm>

#include <onnx/defs/schema.h>
#include <onnx/onnx_pb.h>

#include "base/file.h"
#include "ir/payload.h"
#include "onnxio/parse.h"
#include "onnxio/tensors.h"
#include "onnxio/writer.h"

namespace allot::onnxio {
namespace {

namespace onnx = ONNX_NAMESPACE;

/// The version a definition is given for: the newest one up to `opset`, else the first.
int version_for(const std::vector<int>& ascending, int64_t opset) {
  const auto after = std::upper_bound(ascending.begin(), ascending.end(), opset);
  return after == ascending.begin() ? ascending.front() : *(after - 1);
}

/// The node and its inputs' types as protobuf has them, through a model of one node.
onnx::GraphProto graph_of(const ir::Model& model, const ir::Node& node, const std::vector<ir::Type>& input_types) {
  ir::Model one;
  one.share_storage(model);
  one.file = model.file;
  one.external = model.external;
  one.graph.nodes.push_back(clone(node));
  for (const auto& type : input_types) one.graph.inputs.push_back({"", type, {}, true});
  onnx::ModelProto proto;
  proto.ParseFromString(serialize(one));
  return std::move(*proto.mutable_graph());
}

/// Attributes that the node may leave out.
void add_defaults(const onnx::OpSchema& schema, onnx::FunctionProto& function) {
  const auto& known = function.attribute_proto();
  for (const auto& [name, attribute] : schema.attributes()) {
    const bool has_default = !attribute.default_value.name().empty();
    const auto is_it = [&name = name](const auto& other) { return other.name() == name; };
    if (has_default && std::none_of(known.begin(), known.end(), is_it))
      *function.add_attribute_proto() = attribute.default_value;
  }
}

std::optional<onnx::FunctionProto> build(const onnx::OpSchema& schema, const ir::Model& model, const ir::Node& node,
                                         int64_t opset, const std::vector<ir::Type>& input_types) {
  onnx::FunctionProto function;
  if (schema.HasFunction()) {
    function = *schema.GetFunction(version_for(schema.function_opset_versions(), opset));
    return function;
  }
  if (!schema.HasContextDependentFunction()) return std::nullopt;
  const onnx::GraphProto graph = graph_of(model, node, input_types);
  std::vector<onnx::TypeProto> types;
  for (const auto& input : graph.input()) types.push_back(input.type());
  const onnx::FunctionBodyBuildContextImpl context(graph.node(0), types);
  const int version = version_for(schema.context_dependent_function_opset_versions(), opset);
  if (!schema.BuildContextDependentFunction(context, function, version)) return std::nullopt;
  return function;
}

/// Nothing of these nodes is in the model's file, from which a writer would copy it.
void forget_origins(std::vector<ir::Node>& nodes) {
  for (auto& node : nodes) {
    node.origin = {};
    node.metadata.clear();
    for (auto& attribute : node.attributes) {
      attribute.origin = {};
      for (auto& body : attribute.graphs) {
        body->origin = {};
        for (auto* list : {&body->inputs, &body->outputs, &body->value_infos})
          for (auto& info : *list) info.origin = {};
        forget_origins(body->nodes);
      }
    }
  }
}

/// A function whose elements and origins do not point into the bytes it was read from; its names do.
void detach(ir::Model& source) {
  each_tensor(source, [&](ir::Tensor& tensor, const auto&) {
    tensor.origin = {};
    if (auto image = ir::raw_image(source, tensor))
      tensor.payload = {ir::Payload::Where::owned, {}, 0, std::make_shared<const std::string>(std::move(*image))};
  });
  forget_origins(source.functions.front().nodes);
}

}  // namespace

std::optional<ir::Function> function_body(ir::Model& model, const ir::Node& node, int64_t opset,
                                          const std::vector<ir::Type>& input_types) {
  const auto version = static_cast<int>(std::clamp<int64_t>(opset, 1, 1 << 20));
  const auto* schema = onnx::OpSchemaRegistry::Schema(std::string(node.op_type), version, std::string(node.domain));
  if (!schema) return std::nullopt;
  auto proto = build(*schema, model, node, opset, input_types);
  if (!proto) return std::nullopt;
  add_defaults(*schema, *proto);
  ir::Model source;
  source.file = base::Bytes::from(proto->SerializeAsString());
  parse_message(source.file->view(), {0, source.file->size()}, source.functions.emplace_back());
  detach(source);
  model.share_storage(source);
  return std::move(source.functions.front());
}

}  // namespace allot::onnxio
