// SPDX-License-Identifier: Apache-2.0
#include "train/head_dropout.h"

#include <memory>
#include <vector>

#include "base/error.h"
#include "ir/builder.h"
#include "ir/values.h"

namespace allot::train {
namespace {

constexpr int64_t kRatioIsInput = 12;  // opset from which on
constexpr const char* kDropped = "allot.head_dropout";

bool is_layer(const ir::Node& node) { return node.is("Gemm") || node.is("MatMul") || node.is("Conv"); }

/// By value: whether an input of the graph reaches it through nodes of the main graph.
std::vector<bool> depend_on_inputs(const ir::Values& values) {
  std::vector<bool> depends(values.values.size());
  for (const ir::ValueId v : values.graphs[0].inputs) depends[v] = !values.values[v].initializer;
  for (const ir::NodeId id : values.graphs[0].order)
    for (const ir::ValueId input : values.inputs[id])
      if (input != ir::kNone && depends[input])
        for (const ir::ValueId output : values.outputs[id])
          if (output != ir::kNone) depends[output] = true;
  return depends;
}

struct Place {
  uint32_t node;  // index in the main graph
  size_t input;   // what to drop from
};

Place find_last_layer(const ir::Model& model, const std::string& logits) {
  const ir::Values values = ir::resolve(model);
  const std::vector<bool> depends = depend_on_inputs(values);
  ir::ValueId value = values.find(logits);
  while (value != ir::kNone && values.values[value].producer != ir::kNone) {
    const ir::NodeId id = values.values[value].producer;
    const auto& ref = values.nodes[id];
    value = ir::kNone;
    for (size_t i = 0; value == ir::kNone && i < values.inputs[id].size(); ++i) {
      const ir::ValueId input = values.inputs[id][i];
      if (input == ir::kNone || !depends[input]) continue;
      if (is_layer(*ref.node)) return {ref.index, i};
      value = input;
    }
  }
  throw base::Error(base::ErrorKind::config, base::printable(model.path),
                    "has no last layer to drop inputs of before its logits", "leave head dropout out");
}

ir::Str number(ir::Model& model, double value) {
  const auto single = static_cast<float>(value);
  ir::Tensor& tensor = model.graph.initializers.emplace_back();
  tensor.name = model.intern("allot.head_dropout.ratio");
  tensor.dtype = ir::DataType::float32;
  tensor.payload.where = ir::Payload::Where::owned;
  tensor.payload.owned = std::make_shared<const std::string>(reinterpret_cast<const char*>(&single), sizeof single);
  return tensor.name;
}

}  // namespace

void add_head_dropout(ir::Model& model, const std::string& logits, double ratio) {
  const Place place = find_last_layer(model, logits);
  ir::Node& layer = model.graph.nodes[place.node];
  ir::Node dropout;
  dropout.op_type = "Dropout";
  dropout.name = kDropped;
  dropout.inputs = {layer.inputs[place.input]};
  dropout.outputs = {kDropped};
  if (model.opset("") >= kRatioIsInput)
    dropout.inputs.push_back(number(model, ratio));
  else
    dropout.attributes.push_back(ir::float_attribute("ratio", static_cast<float>(ratio)));
  layer.inputs[place.input] = kDropped;
  layer.edited = true;
  model.graph.nodes.push_back(std::move(dropout));
}

}  // namespace allot::train
