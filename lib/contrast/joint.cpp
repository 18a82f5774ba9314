// SPDX-License-Identifier: Apache-2.0
#include "contrast/joint.h"

#include <algorithm>
#include <cmath>
#include <memory>
#include <unordered_set>

#include "base/error.h"
#include "ir/builder.h"
#include "ir/payload.h"
#include "train/head.h"

namespace allot::contrast {
namespace {

using base::Error;
using base::ErrorKind;
using ir::Str;

/// Takes a copy of a graph out of its file, so that it can stand in another model, with other names.
class Moving {
 public:
  /// Names get `prefix`, but not those of `kept`.
  Moving(const ir::Model& from, ir::Model& to, std::string prefix, std::unordered_set<Str> kept)
      : from_(from), to_(to), prefix_(std::move(prefix)), kept_(std::move(kept)) {}

  void move(ir::Graph& graph) {
    graph.origin = {};
    for (ir::Node& node : graph.nodes) move(node);
    for (ir::Tensor& tensor : graph.initializers) {
      tensor.name = renamed(tensor.name);
      own(tensor);
    }
    if (!graph.sparse_initializers.empty())
      throw Error(ErrorKind::unavailable, base::printable(from_.path), "has sparse weights", "store them densely");
    for (auto* list : {&graph.inputs, &graph.outputs, &graph.value_infos})
      for (ir::ValueInfo& info : *list) {
        info.name = renamed(info.name);
        info.origin = {};
        for (ir::Dim& dim : info.type.dims)  // the sides' batches differ in size, whatever they are called
          if (!prefix_.empty() && !dim.symbol.empty())
            dim.symbol = to_.intern(fmt::format("{}{}", prefix_, dim.symbol));
      }
    graph.quantization_annotations.clear();
    graph.metadata.clear();
  }

  Str renamed(Str name) {
    if (name.empty() || prefix_.empty() || kept_.contains(name)) return name;
    return to_.intern(fmt::format("{}{}", prefix_, name));
  }

 private:
  void move(ir::Node& node) {
    node.origin = {};
    node.metadata.clear();
    node.device_configurations.clear();
    node.name = renamed(node.name);
    for (auto* list : {&node.inputs, &node.outputs})
      for (Str& name : *list) name = renamed(name);
    for (ir::Attribute& attribute : node.attributes) {
      attribute.origin = {};
      for (ir::Tensor& tensor : attribute.tensors) own(tensor);
      for (const auto& graph : attribute.graphs) move(*graph);
      if (!attribute.sparse_tensors.empty())
        throw Error(ErrorKind::unavailable, base::printable(from_.path), "has sparse constants", "store them densely");
    }
  }

  void own(ir::Tensor& tensor) {
    if (tensor.dtype == ir::DataType::string)
      throw Error(ErrorKind::unavailable, fmt::format("tensor '{}'", base::printable(tensor.name)), "holds texts",
                  "export an encoder of numbers");
    auto bytes = ir::raw_image(from_, tensor);
    if (!bytes)
      throw Error(ErrorKind::malformed, fmt::format("tensor '{}'", base::printable(tensor.name)), "cannot be read",
                  "export the model again");
    tensor.payload = {};
    tensor.payload.where = ir::Payload::Where::owned;
    tensor.payload.owned = std::make_shared<const std::string>(std::move(*bytes));
    tensor.external_data.clear();
    tensor.origin = {};
  }

  const ir::Model& from_;
  ir::Model& to_;
  const std::string prefix_;
  const std::unordered_set<Str> kept_;
};

void check(const ir::Model& first, const ir::Model& second) {
  for (const ir::Model* model : {&first, &second})
    if (!model->functions.empty())
      throw Error(ErrorKind::unavailable, base::printable(model->path), "has functions of its own",
                  "inline them, or run both encoders by themselves");
  for (const ir::OpsetImport& import : second.opset_imports)
    if (const int64_t version = first.opset(ir::plain_domain(import.domain)); version != 0 && version != import.version)
      throw Error(ErrorKind::unavailable, base::printable(second.path),
                  fmt::format("has operator set {} of '{}', the first encoder {}", import.version,
                              base::printable(import.domain), version),
                  "export both with one version");
}

/// Nodes that end the graph.
class Ending {
 public:
  explicit Ending(ir::Model& model) : model_(model) {}

  Str number(const char* name, double value, ir::DataType type) {
    const auto single = static_cast<float>(value);
    const bool wide = type == ir::DataType::float64;
    const auto* bytes = wide ? reinterpret_cast<const char*>(&value) : reinterpret_cast<const char*>(&single);
    ir::Tensor& tensor = model_.graph.initializers.emplace_back();
    tensor.name = model_.intern(name);
    tensor.dtype = type;
    tensor.payload.where = ir::Payload::Where::owned;
    tensor.payload.owned = std::make_shared<const std::string>(bytes, wide ? sizeof value : sizeof single);
    return tensor.name;
  }

  Str add(Str type, std::vector<Str> inputs, std::vector<ir::Attribute> attributes = {}) {
    ir::Node& node = model_.graph.nodes.emplace_back();
    node.op_type = type;
    node.name = model_.intern(fmt::format("scores/{}_{}", type, number_++));
    node.inputs = std::move(inputs);
    node.outputs = {node.name};
    node.attributes = std::move(attributes);
    return node.name;
  }

  Str normalised(Str rows) {
    return add("LpNormalization", {rows}, ir::attributes(ir::int_attribute("axis", 1), ir::int_attribute("p", 2)));
  }

 private:
  ir::Model& model_;
  int number_ = 0;
};

const ir::ValueInfo& output_of(const ir::Model& model, const std::string& name) {
  const std::string output = train::find_head(model, name).output;
  return *std::find_if(model.graph.outputs.begin(), model.graph.outputs.end(),
                       [&](const ir::ValueInfo& each) { return each.name == output; });
}

}  // namespace

ir::Model joint_model(const ir::Model& first, const std::string& first_output, const ir::Model& second,
                      const std::string& second_output, const Temperature& temperature) {
  check(first, second);
  const ir::ValueInfo &of_first = output_of(first, first_output), &of_second = output_of(second, second_output);
  const ir::DataType type = of_first.type.elem;
  ir::Model joint;
  joint.share_storage(first);
  joint.share_storage(second);
  joint.ir_version = std::max(first.ir_version, second.ir_version);
  joint.producer_name = "allot";
  for (const ir::Model* model : {&first, &second})
    for (const ir::OpsetImport& import : model->opset_imports)
      if (joint.opset(ir::plain_domain(import.domain)) == 0)
        joint.opset_imports.push_back({import.domain, import.version, {}});
  joint.graph = std::move(*ir::clone(first.graph));
  Moving(first, joint, "", {}).move(joint.graph);
  const auto more = ir::clone(second.graph);
  std::unordered_set<Str> taken, kept;
  for (const ir::ValueInfo& input : joint.graph.inputs) taken.insert(input.name);
  for (const ir::ValueInfo& input : more->inputs)
    if (!taken.contains(input.name)) kept.insert(input.name);
  Moving moving(second, joint, "second/", std::move(kept));
  const Str own_first = of_first.name, own_second = moving.renamed(of_second.name);
  moving.move(*more);
  for (ir::Node& node : more->nodes) joint.graph.nodes.push_back(std::move(node));
  for (ir::Tensor& tensor : more->initializers) joint.graph.initializers.push_back(std::move(tensor));
  for (ir::ValueInfo& input : more->inputs) joint.graph.inputs.push_back(std::move(input));
  for (ir::ValueInfo& info : more->value_infos) joint.graph.value_infos.push_back(std::move(info));
  Ending ending(joint);
  const Str turned = ending.add("Transpose", {ending.normalised(own_second)});
  const Str cosines = ending.add("MatMul", {ending.normalised(own_first), turned});
  Str scores = ending.add("Mul", {cosines, ending.number("scores/scale", std::exp(temperature.log_scale), type)});
  scores = ending.add("Add", {scores, ending.number("scores/bias", temperature.bias, type)});
  joint.graph.nodes.back().outputs[0] = "scores";
  joint.graph.outputs.clear();
  ir::ValueInfo& output = joint.graph.outputs.emplace_back();
  output.name = "scores";
  output.type = ir::tensor_type(type, {-1, -1});
  joint.metadata.push_back({"allot.tool", "contrast-train", {}});
  return joint;
}

}  // namespace allot::contrast
