// SPDX-License-Identifier: Apache-2.0
#include "train/free_batch.h"

#include <memory>
#include <unordered_set>

#include "base/error.h"
#include "ir/builder.h"
#include "ir/values.h"
#include "shape/infer.h"

namespace allot::train {
namespace {

std::vector<ir::ValueInfo*> true_inputs(ir::Model& model) {
  std::unordered_set<ir::Str> stored;
  for (const auto& tensor : model.graph.initializers) stored.insert(tensor.name);
  for (const auto& tensor : model.graph.sparse_initializers) stored.insert(tensor.values.name);
  std::vector<ir::ValueInfo*> inputs;
  for (auto& input : model.graph.inputs)
    if (!stored.contains(input.name)) inputs.push_back(&input);
  return inputs;
}

/// The fixed first dimension that all inputs share, or -1.
int64_t declared_batch(const std::vector<ir::ValueInfo*>& inputs) {
  int64_t batch = -1;
  for (const ir::ValueInfo* input : inputs) {
    const ir::Type& type = input->type;
    if (type.kind != ir::Type::Kind::tensor || !type.has_shape || type.dims.empty()) return -1;
    if (type.dims[0].value < 1 || (batch >= 0 && batch != type.dims[0].value)) return -1;
    batch = type.dims[0].value;
  }
  return batch;
}

/// Puts what depends on the batch in place of constants.
class Freeing {
 public:
  Freeing(ir::Model& model, ir::Str input, int64_t batch)
      : model_(model),
        input_(input),
        batch_(batch),
        values_(ir::resolve(model)),
        known_(shape::infer(model, values_, {})) {}

  /// Nodes that were changed.
  std::vector<std::string> run() {
    std::vector<std::string> edited;
    for (uint32_t i = 0; i < values_.graphs[0].order.size(); ++i) {  // nodes of the main graph come first
      const auto inputs = replaced_inputs(i);
      if (inputs.empty()) continue;
      ir::Node& node = model_.graph.nodes[i];
      edited.push_back(ir::describe(node, i));
      for (const auto& [input, value] : inputs) node.inputs[input] = value;
      node.edited = true;
    }
    for (ir::Node& node : made_) model_.graph.nodes.push_back(std::move(node));
    return edited;
  }

 private:
  using Inputs = std::vector<std::pair<size_t, ir::Str>>;

  /// Of a node, and what comes in their place.
  Inputs replaced_inputs(uint32_t index) {
    const ir::Node& node = model_.graph.nodes[index];
    if (node.is("Reshape") && node.inputs.size() > 1 && !is_constant(index, 0)) return free_shape(index, 1);
    if (node.is("Expand")) return free_shape(index, 1);
    if (node.is("ConstantOfShape")) return free_shape(index, 0);
    Inputs states;
    if (node.is("LSTM") || node.is("GRU") || node.is("RNN"))
      for (const size_t input : {5, 6})
        if (input < node.inputs.size() && !node.inputs[input].empty() && is_constant(index, input))
          states.emplace_back(input, free_state(node.inputs[input]));
    return states;
  }

  bool is_constant(uint32_t node, size_t input) const { return known_.constant[values_.inputs[node][input]] != 0; }

  /// A constant shape of two elements or more, the first of which is the batch.
  Inputs free_shape(uint32_t node, size_t input) {
    if (!is_constant(node, input)) return {};
    const auto& content = known_.content[values_.inputs[node][input]].data;
    if (content.size() < 2 || content[0] != static_cast<double>(batch_)) return {};
    const std::vector<int64_t> rest(content.begin() + 1, content.end());
    return {{input, add("Concat", {batch_size(), ints(rest)})}};
  }

  /// [directions, batch, hidden], the first item's for all.
  ir::Str free_state(ir::Str state) {
    const ir::Str first = add("Gather", {state, ints({0})}, 1);
    return add("Expand", {first, add("Concat", {ints({1}), batch_size(), ints({1})})});
  }

  /// int64 [1].
  ir::Str batch_size() {
    if (size_.empty()) size_ = add("Gather", {add("Shape", {input_}), ints({0})});
    return size_;
  }

  ir::Str add(ir::Str type, std::vector<ir::Str> inputs, int64_t axis = 0) {
    ir::Node& node = made_.emplace_back();
    node.op_type = type;
    node.name = new_name();
    node.inputs = std::move(inputs);
    node.outputs = {node.name};
    if (type == "Concat" || type == "Gather") node.attributes.push_back(ir::int_attribute("axis", axis));
    return node.name;
  }

  ir::Str ints(const std::vector<int64_t>& values) {
    ir::Tensor& tensor = model_.graph.initializers.emplace_back();
    tensor.name = new_name();
    tensor.dtype = ir::DataType::int64;
    tensor.dims = {static_cast<int64_t>(values.size())};
    tensor.payload.where = ir::Payload::Where::owned;
    tensor.payload.owned = std::make_shared<const std::string>(reinterpret_cast<const char*>(values.data()),
                                                               values.size() * sizeof(int64_t));
    return tensor.name;
  }

  ir::Str new_name() { return model_.intern(fmt::format("allot.batch.{}", next_++)); }

  ir::Model& model_;
  const ir::Str input_;
  const int64_t batch_;
  const ir::Values values_;
  const shape::Result known_;
  std::vector<ir::Node> made_;
  ir::Str size_;
  int next_ = 0;
};

}  // namespace

FreedBatch free_batch(ir::Model& model) {
  FreedBatch freed;
  const auto inputs = true_inputs(model);  // which what is added below does not move
  freed.declared = declared_batch(inputs);
  if (freed.declared < 0) return freed;
  const auto nodes = Freeing(model, inputs[0]->name, freed.declared).run();
  for (ir::ValueInfo* input : inputs) {
    input->type.dims[0] = {-1, "batch"};
    input->edited = true;
    freed.edits.push_back(fmt::format("input '{}'", base::printable(input->name)));
  }
  freed.edits.insert(freed.edits.end(), nodes.begin(), nodes.end());
  return freed;
}

}  // namespace allot::train
