// SPDX-License-Identifier: Apache-2.0
#include "train/free_batch.h"

#include <algorithm>
#include <cstring>
#include <memory>
#include <unordered_set>

#include "base/error.h"
#include "exec/weights.h"
#include "ir/payload.h"
#include "ir/values.h"

namespace allot::train {
namespace {

constexpr int64_t kMostDims = 64;

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

/// By value: whether it is computed from an input of the graph.
std::vector<bool> depend_on_inputs(const ir::Values& values) {
  std::vector<bool> depends(values.values.size());
  for (const ir::ValueId v : values.graphs[0].inputs)
    depends[v] = !values.values[v].initializer && !values.values[v].sparse;
  for (const ir::NodeId id : values.graphs[0].order) {
    const auto inputs = values.inputs[id];
    bool any = std::any_of(inputs.begin(), inputs.end(), [&](auto v) { return v != ir::kNone && depends[v]; });
    for (const ir::GraphId body : values.bodies[id])
      for (const ir::ValueId v : values.graphs[body].captured) any = any || depends[v];
    for (const ir::ValueId v : values.outputs[id])
      if (v != ir::kNone) depends[v] = any;
  }
  return depends;
}

ir::Tensor shape_tensor(ir::Model& model, std::string name, const std::vector<int64_t>& shape) {
  ir::Tensor tensor;
  tensor.name = model.intern(std::move(name));
  tensor.dtype = ir::DataType::int64;
  tensor.dims = {static_cast<int64_t>(shape.size())};
  std::string bytes(shape.size() * sizeof(int64_t), '\0');
  std::memcpy(bytes.data(), shape.data(), bytes.size());
  tensor.payload.where = ir::Payload::Where::owned;
  tensor.payload.owned = std::make_shared<const std::string>(std::move(bytes));
  return tensor;
}

struct Reshaped {
  uint32_t node;  // index in the main graph
  std::vector<int64_t> shape;
};

/// Shapes that begin with `batch`, with a first element that stands for any.
std::vector<Reshaped> fixed_reshapes(const ir::Model& model, int64_t batch) {
  const ir::Values values = ir::resolve(model);
  const std::vector<bool> depends = depend_on_inputs(values);
  std::vector<Reshaped> found;
  for (const ir::NodeId id : values.graphs[0].order) {
    const auto inputs = values.inputs[id];
    if (!values.nodes[id].node->is("Reshape") || inputs.size() < 2 || inputs[0] == ir::kNone || !depends[inputs[0]])
      continue;
    const ir::Tensor* stored = inputs[1] == ir::kNone ? nullptr : exec::stored_tensor(values, inputs[1]);
    auto shape = stored ? ir::read_ints(model, *stored, kMostDims) : std::nullopt;
    if (!shape || shape->size() < 2 || shape->front() != batch) continue;
    const bool infers = std::find(shape->begin(), shape->end(), -1) != shape->end();
    shape->front() = infers ? 0 : -1;  // 0 keeps the first dimension of what is reshaped
    found.push_back({values.nodes[id].index, *shape});
  }
  return found;
}

}  // namespace

FreedBatch free_batch(ir::Model& model) {
  FreedBatch freed;
  const auto inputs = true_inputs(model);
  freed.declared = declared_batch(inputs);
  if (freed.declared < 0) return freed;
  for (ir::ValueInfo* input : inputs) {
    input->type.dims[0] = {-1, "batch"};
    input->edited = true;
    freed.edits.push_back(fmt::format("input '{}'", base::printable(input->name)));
  }
  for (const auto& [index, shape] : fixed_reshapes(model, freed.declared)) {
    ir::Node& node = model.graph.nodes[index];
    freed.edits.push_back(ir::describe(node, index));
    model.graph.initializers.push_back(
        shape_tensor(model, fmt::format("{} allot.batch.{}", node.inputs[1], index), shape));
    node.inputs[1] = model.graph.initializers.back().name;
    node.edited = true;
  }
  return freed;
}

}  // namespace allot::train
