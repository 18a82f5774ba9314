// SPDX-License-Identifier: Apache-2.0
#include "graph/fusion.h"

#include <algorithm>
#include <utility>

#include "graph/fusion_groups.h"

namespace allot::graph {

FusionGroups::FusionGroups(const PlanningModel& planning, const OpGraph& graph)
    : planning_(planning), graph_(graph), op_of_node_(planning.values.graphs[0].graph->nodes.size(), kNone) {
  for (OpId op = 0; op < graph.num_ops(); ++op) {
    op_of_node_[graph.node[op]] = op;
    fusion_.main_of.push_back(op);
    fusion_.kernel.push_back(graph.type_names[graph.type[op]]);
    last_.push_back(op);
  }
  members_.resize(graph.num_ops());
}

bool FusionGroups::is(OpId op, std::initializer_list<std::string_view> types) const {
  return op != kNone && node(op).domain.empty() &&
         std::find(types.begin(), types.end(), node(op).op_type) != types.end();
}

ir::ValueId FusionGroups::input(OpId op, size_t i) const {
  return i < num_inputs(op) ? planning_.values.inputs[graph_.node[op]][i] : ir::kNone;
}

OpId FusionGroups::producer(OpId op, size_t i) const {
  if (op == kNone) return kNone;
  const ir::ValueId value = input(op, i);
  if (value == ir::kNone) return kNone;
  const ir::NodeId maker = planning_.values.values[value].producer;
  return maker == ir::kNone ? kNone : op_of_node_[maker];
}

bool FusionGroups::constant(OpId op, size_t i) const {
  const ir::ValueId value = input(op, i);
  return value != ir::kNone && planning_.constant(value);
}

bool FusionGroups::constant_scalar(OpId op, size_t i) const {
  return constant(op, i) && type(input(op, i)).elements() == 1;
}

uint32_t FusionGroups::beside_constant(OpId op, bool scalar) const {
  if (op == kNone || num_inputs(op) != 2) return kNone;
  for (const uint32_t i : {0u, 1u})
    if ((scalar ? constant_scalar(op, 1 - i) : constant(op, 1 - i)) && !constant(op, i)) return i;
  return kNone;
}

OpId FusionGroups::sole_reader(OpId op) const {
  if (op == kNone) return kNone;
  OpId only = kNone;
  for (const TensorId tensor : graph_.outputs[op]) {
    const auto readers = graph_.consumers[tensor];
    if (graph_.is_output[tensor] || readers.size() > 1 || (only != kNone && !readers.empty())) return kNone;
    if (!readers.empty()) only = readers[0];
  }
  return only;
}

OpId FusionGroups::reader(OpId main) const { return sole_reader(last_[main]); }

void FusionGroups::join(OpId main, OpId op) {
  fusion_.main_of[op] = main;
  fusion_.kernel[op].clear();
  members_[main].push_back(op);
}

void FusionGroups::append(OpId main, OpId op, std::string_view kernel) {
  const OpId last = last_[op];
  prepend(main, op, kernel);
  last_[main] = last;
}

void FusionGroups::prepend(OpId main, OpId op, std::string_view kernel) {
  for (const OpId member : std::exchange(members_[op], {})) join(main, member);
  join(main, op);
  fusion_.kernel[main] = kernel;
}

Fusion fuse(const PlanningModel& planning, const OpGraph& graph) {
  FusionGroups groups(planning, graph);
  fuse_shape_chains(groups);
  drop_no_ops(groups);
  fuse_quantized(groups);
  fuse_convolutions(groups);
  fuse_layer_norms(groups);
  fuse_gelus(groups);
  fuse_products(groups);
  fuse_skips(groups);
  return groups.take();
}

}  // namespace allot::graph
