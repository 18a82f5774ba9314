// SPDX-License-Identifier: Apache-2.0
// Groups of ops while they grow, and what patterns ask of them.
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

#include "graph/build.h"

namespace allot::graph {

/// A group has a main op, which names it, and a last one, whose value leaves it.
class FusionGroups {
 public:
  FusionGroups(const PlanningModel& planning, const OpGraph& graph);

  uint32_t size() const { return graph_.num_ops(); }
  const OpGraph& graph() const { return graph_; }
  const ir::Node& node(OpId op) const { return *planning_.values.nodes[graph_.node[op]].node; }
  bool is(OpId op, std::initializer_list<std::string_view> types) const;

  OpId main(OpId op) const { return fusion_.main_of[op]; }
  bool alone(OpId op) const { return op != kNone && main(op) == op && members_[op].empty(); }
  const std::string& kernel(OpId main) const { return fusion_.kernel[main]; }

  size_t num_inputs(OpId op) const { return planning_.values.inputs[graph_.node[op]].size(); }
  ir::ValueId input(OpId op, size_t i) const;
  /// The op that makes an input, or kNone.
  OpId producer(OpId op, size_t i) const;
  const shape::ValueType& type(ir::ValueId value) const { return planning_.shapes.types[value]; }
  ir::ValueId output(OpId op) const { return planning_.values.outputs[graph_.node[op]][0]; }
  bool constant(OpId op, size_t i) const;
  bool constant_scalar(OpId op, size_t i) const;
  /// Of an op with two inputs: the one that is not constant while the other is (a scalar, if `scalar`); kNone else.
  uint32_t beside_constant(OpId op, bool scalar) const;

  /// The only op that reads what the group of `main` makes, where no output of the graph is among it.
  OpId reader(OpId main) const;
  /// The same of one op.
  OpId sole_reader(OpId op) const;

  /// Takes an op that reads the group's value: its value is now the group's.
  void append(OpId main, OpId op, std::string_view kernel);
  /// Takes an op, and all of its group, that the group reads.
  void prepend(OpId main, OpId op, std::string_view kernel);
  void rename(OpId main, std::string_view kernel) { fusion_.kernel[main] = kernel; }

  Fusion take() { return std::move(fusion_); }

 private:
  void join(OpId main, OpId op);

  const PlanningModel& planning_;
  const OpGraph& graph_;
  std::vector<OpId> op_of_node_;  // main-graph node -> op or kNone
  Fusion fusion_;
  std::vector<OpId> last_;                  // by main
  std::vector<std::vector<OpId>> members_;  // by main, without itself
};

/// The rules, each over all ops, in the order that ONNX Runtime applies them.
void drop_no_ops(FusionGroups& groups);
void fuse_convolutions(FusionGroups& groups);
void fuse_products(FusionGroups& groups);
void fuse_layer_norms(FusionGroups& groups);
void fuse_gelus(FusionGroups& groups);
void fuse_skips(FusionGroups& groups);
void fuse_quantized(FusionGroups& groups);
void fuse_shape_chains(FusionGroups& groups);

}  // namespace allot::graph
