// SPDX-License-Identifier: Apache-2.0
#include "exec/weights.h"

namespace allot::exec {

const ir::Tensor* stored_tensor(const ir::Values& values, ir::ValueId value) {
  const auto& v = values.values[value];
  if (v.initializer) return v.initializer;
  if (v.producer == ir::kNone || !values.nodes[v.producer].node->is("Constant")) return nullptr;
  const ir::Attribute* attribute = values.nodes[v.producer].node->find("value");
  return attribute && !attribute->tensors.empty() ? &attribute->tensors[0] : nullptr;
}

std::vector<std::vector<ir::NodeId>> users_of(const ir::Values& values) {
  std::vector<std::vector<ir::NodeId>> users(values.values.size());
  for (ir::NodeId id = 0; id < values.nodes.size(); ++id)
    for (const ir::ValueId v : values.inputs[id])
      if (v != ir::kNone) users[v].push_back(id);
  return users;
}

}  // namespace allot::exec
