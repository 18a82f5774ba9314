// SPDX-License-Identifier: Apache-2.0
#include "exec/write_back.h"

#include <algorithm>
#include <unordered_map>

#include <ATen/TensorOperators.h>
#include <ATen/ops/abs.h>
#include <ATen/ops/max.h>

#include "base/error.h"
#include "exec/dtype.h"
#include "exec/load.h"
#include "ir/payload.h"

namespace allot::exec {
namespace {

/// The stored tensors of the main graph, by the name of their value.
class Stored {
 public:
  explicit Stored(ir::Model& model) : model_(model) {
    for (ir::Tensor& tensor : model.graph.initializers) tensors_.emplace(tensor.name, &tensor);
    for (ir::Node& node : model.graph.nodes) {
      if (!node.is("Constant") || node.outputs.empty()) continue;
      for (ir::Attribute& attribute : node.attributes)
        if (attribute.name == "value" && !attribute.tensors.empty())
          tensors_.emplace(node.outputs[0], &attribute.tensors[0]);
    }
  }

  /// Whether the tensor's bytes changed.
  bool replace(const std::string& name, const at::Tensor& tensor) {
    const auto found = tensors_.find(name);
    ALLOT_ASSERT(found != tensors_.end());
    ir::Tensor& target = *found->second;
    ALLOT_ASSERT(tensor.sizes().equals(target.dims));
    std::string bytes = raw_bytes(Value(tensor));
    if (ir::raw_bytes(model_, target) == bytes || ir::raw_image(model_, target) == bytes) return false;
    target.payload.owned = std::make_shared<const std::string>(std::move(bytes));
    if (target.payload.where == ir::Payload::Where::external) return true;  // a patch of its range
    target.payload.where = ir::Payload::Where::owned;
    target.payload.chunks.clear();
    target.edited = true;
    return true;
  }

 private:
  ir::Model& model_;
  std::unordered_map<ir::Str, ir::Tensor*> tensors_;
};

// With stored statistics of its own the node normalises as it was trained to.
void leave_training_mode(ir::Node& node) {
  for (ir::Attribute& attribute : node.attributes) {
    if (attribute.name != "training_mode" || attribute.i == 0) continue;
    attribute.i = 0;
    attribute.edited = true;
    node.outputs.resize(1);
    node.edited = true;
  }
}

}  // namespace

WrittenBack write_back(const Program& program, ir::Model& model) {
  WrittenBack result;
  Stored stored(model);
  for (const Parameter& parameter : program.parameters()) {
    const at::Tensor master = parameter.tensor.detach().to(at::kCPU);
    const at::Tensor rounded = master.to(scalar_type(parameter.stored));
    if (rounded.numel() > 0 && rounded.scalar_type() != master.scalar_type())
      result.rounding =
          std::max(result.rounding, (rounded.to(master.scalar_type()) - master).abs().max().item<double>());
    result.tensors += stored.replace(parameter.weight.name, rounded);
    for (const TiedCopy& copy : parameter.weight.copies)
      result.tensors += stored.replace(copy.name, copy.transposed ? rounded.t() : rounded);
  }
  for (const Buffer& buffer : program.buffers()) result.tensors += stored.replace(buffer.name, buffer.tensor);
  if (!program.buffers().empty())
    for (ir::Node& node : model.graph.nodes)
      if (node.is("BatchNormalization")) leave_training_mode(node);
  return result;
}

}  // namespace allot::exec
