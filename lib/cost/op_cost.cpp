// SPDX-License-Identifier: Apache-2.0
#include "cost/op_cost.h"

#include <algorithm>

#include "base/log.h"
#include "cost/ops/formulas.h"

namespace allot::cost {
namespace {

using cluster::OpClass;

bool on_host(const shape::ValueType& type) {
  using Kind = ir::Type::Kind;
  return type.elem == ir::DataType::string || type.kind == Kind::sequence || type.kind == Kind::map ||
         type.kind == Kind::optional || type.kind == Kind::opaque;
}

// Every distinct input read once, every output written once.
OpCost compulsory(const graph::PlanningModel& planning, ir::NodeId node) {
  OpCost cost;
  const auto inputs = planning.values.inputs[node];
  double read = 0, written = 0;
  std::vector<ir::ValueId> distinct(inputs.begin(), inputs.end());
  std::sort(distinct.begin(), distinct.end());
  distinct.erase(std::unique(distinct.begin(), distinct.end()), distinct.end());
  for (const ir::ValueId value : distinct) {
    if (value == ir::kNone) continue;
    read += static_cast<double>(planning.shapes.types[value].bytes());
    cost.host_only |= on_host(planning.shapes.types[value]);
  }
  for (const ir::ValueId value : planning.values.outputs[node]) {
    if (value == ir::kNone) continue;
    written += static_cast<double>(planning.shapes.types[value].bytes());
    cost.host_only |= on_host(planning.shapes.types[value]);
  }
  cost.bytes_read = to_bytes(read);
  cost.bytes_written = to_bytes(written);
  const auto first = std::find_if(inputs.begin(), inputs.end(), [](ir::ValueId v) { return v != ir::kNone; });
  if (first != inputs.end()) cost.precision = precision_of(planning.shapes.types[*first].elem);
  return cost;
}

size_t loops_of_unknown_length(const graph::PlanningModel& planning) {
  size_t count = 0;
  for (ir::NodeId id = 0; id < planning.values.nodes.size(); ++id) {
    const ir::Node& node = *planning.values.nodes[id].node;
    if ((node.is("Loop") || node.is("Scan")) && !planning.constant_node(id))
      count += !ops::trip_count(Context(planning, id, 0));
  }
  return count;
}

}  // namespace

OpCost op_cost(const graph::PlanningModel& planning, ir::NodeId node) {
  OpCost cost = compulsory(planning, node);
  const Row* row = find_row(graph::operator_type(*planning.values.nodes[node].node));
  const Context context(planning, node, row ? row->weight : 1);
  if (!row) {
    cost.known = false;
    ops::elementwise(context, cost);
    return cost;
  }
  const bool host_only = cost.host_only || context.node().domain == "ai.onnx.ml";
  cost.op_class = row->op_class;
  row->formula(context, cost);
  cost.host_only |= host_only;
  return cost;
}

std::vector<OpCost> op_costs(const graph::PlanningModel& planning, const graph::OpGraph& graph) {
  std::vector<OpCost> costs;
  costs.reserve(graph.num_ops());
  for (const uint32_t node : graph.node) costs.push_back(op_cost(planning, node));
  if (const size_t loops = loops_of_unknown_length(planning); loops > 0)
    base::warn("{} loop(s) run a number of times that the model does not fix; counted as one", loops);
  return costs;
}

}  // namespace allot::cost
