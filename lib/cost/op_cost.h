// SPDX-License-Identifier: Apache-2.0
// What one operator does, device aside: arithmetic, traffic, workspace (onnx-and-cost 5).
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "cluster/cluster.h"
#include "graph/build.h"
#include "ir/values.h"
#include "shape/infer.h"

namespace allot::cost {

/// 1 multiply-accumulate = 2 flops. Traffic is compulsory: each input read once, each output written once, except
/// where the operator touches less (Gather reads rows, not the table).
struct OpCost {
  double mac_flops = 0;   // matrix-unit work
  double vector_ops = 0;  // weighted elementwise work, weights of onnx-and-cost 5.4
  int64_t bytes_read = 0, bytes_written = 0;
  int64_t workspace_bytes = 0;
  int64_t working_set_bytes = 0;  // of the run that it is part of; 0: not known
  double launches = 1;            // kernels started: 0 for an alias, all that its bodies start for control flow
  cluster::OpClass op_class = cluster::OpClass::opaque;
  cluster::Precision precision = cluster::Precision::float32;  // of the operands, as stored
  bool known = true;                                           // false: no formula for this operator; traffic only
  bool host_only = false;  // strings, sequences, maps, ai.onnx.ml: runs on devices of kind cpu alone
};

/// Cost of any node of the planning model, bodies of control flow included in their owner: If takes the branch that its
/// condition is known to choose, else the mean of both by the hint on it, else the dearer; Loop and Scan trip count x
/// body (from a hint, a constant trip count or the scan axis; else 1); such an op has the class and precision of the
/// node in its body that computes most.
/// Alias operators (Reshape, Identity ...) cost nothing. Never fails: where a shape is unknown its part counts 0.
OpCost op_cost(const graph::PlanningModel& planning, ir::NodeId node);

/// Costs of all ops of a graph, in order of OpId. Warns once about loops whose trip count is unknown.
std::vector<OpCost> op_costs(const graph::PlanningModel& planning, const graph::OpGraph& graph);

/// The operator types with a formula, sorted, "domain.Type" for domains other than ai.onnx.
std::vector<std::string> known_operators();

}  // namespace allot::cost
