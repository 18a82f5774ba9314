// SPDX-License-Identifier: Apache-2.0
#include "exec/gradient_paths.h"

#include <unordered_set>

#include "base/error.h"
#include "exec/registry.h"
#include "exec/weights.h"

namespace allot::exec {

GradientPaths::GradientPaths(const ir::Values& values, const std::vector<std::string>& outputs, bool straight_through)
    : values_(values), straight_through_(straight_through), users_(users_of(values)) {
  reached_.assign(values.values.size(), false);
  std::vector<ir::ValueId> stack;
  const auto reach = [&](ir::ValueId v) {
    if (v == ir::kNone || reached_[v]) return;
    reached_[v] = true;
    stack.push_back(v);
  };
  if (outputs.empty())
    for (const ir::ValueId v : values.graphs[0].outputs) reach(v);
  for (const std::string& name : outputs) reach(values.find(name));
  while (!stack.empty()) {
    const ir::NodeId producer = values.values[stack.back()].producer;
    stack.pop_back();
    if (producer == ir::kNone || !passes(producer)) continue;
    for (const ir::ValueId v : values.inputs[producer]) reach(v);
    for (const ir::GraphId body : values.bodies[producer])
      for (const ir::ValueId v : values.graphs[body].outputs) reach(v);
  }
}

bool GradientPaths::passes(ir::NodeId id) const {
  const ir::Node& node = *values_.nodes[id].node;
  if (node.is("Cast")) {
    const int64_t to = node.int_or("to", 0);
    return to > 0 && to <= ir::kMaxDataType && ir::is_float(static_cast<ir::DataType>(to));
  }
  if (straight_through_ && node.is("QuantizeLinear")) return true;
  const Operator* op = find_operator(node.domain, node.op_type);
  return !op || op->gradient == Gradient::flows;  // what has no kernel is refused when it is compiled
}

std::string GradientPaths::cut(ir::ValueId value) const {
  if (reached_[value]) return {};
  // Breadth first, so that the nearest one is named.
  std::vector<ir::ValueId> queue = {value};
  std::unordered_set<ir::ValueId> seen = {value};
  for (size_t next = 0; next < queue.size(); ++next)
    for (const ir::NodeId id : users_[queue[next]]) {
      if (!passes(id)) return ir::describe(*values_.nodes[id].node, values_.nodes[id].index) + " cuts the path";
      for (const ir::ValueId v : values_.outputs[id])
        if (v != ir::kNone && seen.insert(v).second) queue.push_back(v);
    }
  return "no output depends on it";
}

}  // namespace allot::exec
