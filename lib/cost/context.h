// SPDX-License-Identifier: Apache-2.0
// What the formula of an operator sees of one node.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "cost/op_cost.h"

namespace allot::cost {

/// A node with the types of its inputs and outputs. Absent and missing ones read as a type without rank and
/// elements. Counts are doubles: a product of dimensions may exceed int64 before anyone refuses it.
class Context {
 public:
  /// `row_weight`: the vector operations per element that the operator's table row states.
  Context(const graph::PlanningModel& planning, ir::NodeId id, double row_weight)
      : planning_(planning), id_(id), weight_(row_weight) {}

  const graph::PlanningModel& planning() const { return planning_; }
  const ir::Node& node() const { return *planning_.values.nodes[id_].node; }
  ir::NodeId id() const { return id_; }
  /// Version of the node's operator set that the model imports.
  int64_t opset() const { return planning_.model().opset(node().domain); }
  double weight() const { return weight_; }

  size_t num_inputs() const { return planning_.values.inputs[id_].size(); }
  size_t num_outputs() const { return planning_.values.outputs[id_].size(); }
  bool has_in(size_t i) const { return i < num_inputs() && planning_.values.inputs[id_][i] != ir::kNone; }
  bool has_out(size_t i) const { return i < num_outputs() && planning_.values.outputs[id_][i] != ir::kNone; }
  const shape::ValueType& in(size_t i) const;
  const shape::ValueType& out(size_t i) const;

  double n_in(size_t i = 0) const { return static_cast<double>(in(i).elements()); }
  double n_out(size_t i = 0) const { return static_cast<double>(out(i).elements()); }
  /// The constant content of an input, or nullptr.
  const std::vector<double>* content(size_t i) const;
  /// Its single number, or nullopt.
  std::optional<double> scalar(size_t i) const;

 private:
  const graph::PlanningModel& planning_;
  ir::NodeId id_;
  double weight_;
};

/// Size of an axis, counted from the end if negative; 0 where the type has no such axis.
double dim(const shape::ValueType& type, int64_t axis);
int64_t rank(const shape::ValueType& type);
/// Product of the sizes of axes [first, last).
double volume(const shape::ValueType& type, int64_t first, int64_t last);
/// The same from `first` to the end.
double volume(const shape::ValueType& type, int64_t first);
/// Axis in [0, rank], negative ones counted from the end and what is out of range clamped.
int64_t normal_axis(const shape::ValueType& type, int64_t axis);
/// Bytes of that many elements of a type.
double bytes_of(const shape::ValueType& type, double elements);

/// Clamped to [0, INT64_MAX / 4].
int64_t to_bytes(double bytes);

/// The peak that products of this element type run at.
cluster::Precision precision_of(ir::DataType type);

/// Fills the arithmetic of `cost`, which comes with the compulsory traffic of all inputs and outputs, the class of
/// the table row and the precision of the first input; corrects these where the operator differs.
using Formula = void (*)(const Context& node, OpCost& cost);

struct Row {
  const char* type;  // "Conv", "com.microsoft.FusedConv"
  Formula formula;
  cluster::OpClass op_class;
  double weight = 0;  // vector operations per element, where the formula uses it
};

/// The row of an operator, or nullptr. `type` as in Row.
const Row* find_row(std::string_view type);

}  // namespace allot::cost
