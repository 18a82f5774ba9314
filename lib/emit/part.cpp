// SPDX-License-Identifier: Apache-2.0
#include "emit/part.h"

#include <algorithm>
#include <map>
#include <set>

#include "base/error.h"
#include "base/log.h"

namespace allot::emit {
namespace {

using ir::ValueId;
using Nodes = std::vector<ir::Node>;

ir::Model without_graph(const ir::Model& model) {
  ir::Model part;
  part.ir_version = model.ir_version;
  part.producer_name = model.producer_name;
  part.producer_version = model.producer_version;
  part.domain = model.domain;
  part.model_version = model.model_version;
  part.graph.name = model.graph.name;
  part.graph.metadata = model.graph.metadata;
  part.opset_imports = model.opset_imports;
  part.metadata = model.metadata;
  part.configurations = model.configurations;
  part.edited = model.edited;
  part.file = model.file;
  part.external = model.external;
  part.path = model.path;
  part.share_storage(model);
  return part;
}

// Functions that `nodes` call, directly, from bodies or through one another.
std::vector<ir::Function> used_functions(const ir::Model& model, const Nodes& nodes) {
  std::set<const ir::Function*> used;
  std::vector<const Nodes*> open = {&nodes};
  while (!open.empty()) {
    const Nodes& list = *open.back();
    open.pop_back();
    for (const auto& node : list) {
      const ir::Function* function = model.function(node.domain, node.op_type, node.overload);
      if (function && used.insert(function).second) open.push_back(&function->nodes);
      for (const auto& attribute : node.attributes)
        for (const auto& body : attribute.graphs) open.push_back(&body->nodes);
    }
  }
  std::vector<ir::Function> result;
  for (const auto& function : model.functions)
    if (used.contains(&function)) result.push_back(clone(function));
  return result;
}

ir::Type tensor_type(const ir::Tensor& tensor) {
  ir::Type type;
  type.kind = ir::Type::Kind::tensor;
  type.elem = tensor.dtype;
  type.has_shape = true;
  for (const int64_t dim : tensor.dims) type.dims.push_back({dim, {}});
  return type;
}

class PartBuilder {
 public:
  PartBuilder(const ir::Model& model, const ir::Values& values, const Segment& segment, const BoundaryTypes& types)
      : model_(model), values_(values), segment_(segment), types_(types), part_(without_graph(model)) {
    for (const auto& output : model.graph.outputs)
      if (output.type.kind != ir::Type::Kind::none) returned_.emplace(output.name, &output);
  }

  ir::Model build() {
    for (const ValueId value : segment_.inputs) add_input(value);
    for (const ValueId value : segment_.constants) add_constant(value);
    for (const ir::NodeId node : segment_.nodes) add_node(node);
    for (const ValueId value : segment_.outputs) add_output(value);
    if (!model_.functions.empty()) part_.functions = used_functions(model_, part_.graph.nodes);
    add_annotations();
    return std::move(part_);
  }

 private:
  void add_input(ValueId value) {
    const auto& definition = values_.values[value];
    part_.graph.inputs.push_back(definition.is_input ? *definition.info : declare(value));
    if (definition.is_input) add_constant(value);  // its default, if it has one
    present_.insert(definition.name);
  }

  void add_constant(ValueId value) {
    const auto& definition = values_.values[value];
    if (definition.initializer) part_.graph.initializers.push_back(*definition.initializer);
    if (definition.sparse) part_.graph.sparse_initializers.push_back(*definition.sparse);
    present_.insert(definition.name);
  }

  void add_node(ir::NodeId node) {
    part_.graph.nodes.push_back(clone(*values_.nodes[node].node));
    for (const ValueId value : values_.outputs[node]) {
      if (value == ir::kNone) continue;
      const auto& definition = values_.values[value];
      present_.insert(definition.name);
      const bool is_output = std::binary_search(segment_.outputs.begin(), segment_.outputs.end(), value);
      if (definition.info && !is_output) part_.graph.value_infos.push_back(*definition.info);
    }
  }

  void add_output(ValueId value) {
    const ir::Str name = values_.values[value].name;
    const auto output = returned_.find(name);
    if (output == returned_.end() && types_.guessed(name))
      base::warn(
          "value '{}' goes from one sub-model to another with a guessed type; declare it in the model's value_info",
          base::printable(name));
    part_.graph.outputs.push_back(output != returned_.end() ? *output->second : declare(value));
  }

  ir::ValueInfo declare(ValueId value) {
    const auto& definition = values_.values[value];
    ir::ValueInfo info;
    info.name = definition.name;
    info.type = types_.type(definition.name);
    if (info.type.kind == ir::Type::Kind::none)
      throw base::Error(base::ErrorKind::unavailable, fmt::format("value '{}'", base::printable(definition.name)),
                        "goes from one sub-model to another, and its element type is not known",
                        "declare its type in the model's value_info, or keep its producer and consumers on one device "
                        "with a colocate rule in --constraints");
    for (auto& dim : info.type.dims)
      if (!dim.symbol.empty()) dim.symbol = part_.intern(std::string(dim.symbol));
    return info;
  }

  void add_annotations() {
    for (const auto& annotation : model_.graph.quantization_annotations)
      if (present_.contains(annotation.tensor)) part_.graph.quantization_annotations.push_back(annotation);
  }

  const ir::Model& model_;
  const ir::Values& values_;
  const Segment& segment_;
  const BoundaryTypes& types_;
  ir::Model part_;
  std::map<ir::Str, const ir::ValueInfo*> returned_;  // outputs of the whole graph
  std::set<ir::Str> present_;                         // names of values that the part defines
};

}  // namespace

ir::Model make_part(const ir::Model& model, const ir::Values& values, const Segment& segment,
                    const BoundaryTypes& types) {
  return PartBuilder(model, values, segment, types).build();
}

void return_input(ir::Model& part, const ir::Values& values, ValueId value, const std::string& name) {
  const auto& definition = values.values[value];
  ir::Graph& graph = part.graph;
  const auto has = [&](const auto& list) {
    return std::any_of(list.begin(), list.end(), [&](const auto& member) { return member.name == definition.name; });
  };
  if (definition.is_input && !has(graph.inputs)) graph.inputs.push_back(*definition.info);
  if (definition.initializer && !has(graph.initializers)) graph.initializers.push_back(*definition.initializer);
  ir::ValueInfo output;
  output.name = part.intern(name);
  ir::Node identity;
  identity.op_type = "Identity";
  identity.inputs = {definition.name};
  identity.outputs = {output.name};
  graph.nodes.push_back(std::move(identity));
  output.type = definition.info ? definition.info->type : tensor_type(*definition.initializer);
  graph.outputs.push_back(std::move(output));
}

}  // namespace allot::emit
