// SPDX-License-Identifier: Apache-2.0
// ir::Model -> OpGraph.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "graph/fusion.h"
#include "graph/op_graph.h"
#include "ir/inline.h"
#include "ir/model.h"
#include "ir/values.h"
#include "shape/infer.h"

namespace allot::graph {

/// A model made ready for planning: functions expanded, names resolved, shapes inferred. The parts refer to one
/// another; `original` must outlive it. May be moved.
struct PlanningModel {
  const ir::Model* original = nullptr;
  std::shared_ptr<const ir::Inlined> inlined;  // null when the model calls no functions
  ir::Values values;
  shape::Result shapes;
  const ir::Model& model() const { return inlined ? inlined->model : *original; }
  /// Main-graph node of the original that this planning node belongs to.
  uint32_t original_node(uint32_t node) const { return inlined ? inlined->call_of[node] : node; }
  /// The value is fixed before the first run: an initializer, or computed from nothing but such.
  bool constant(ir::ValueId value) const;
  /// Every output is constant: a runtime computes it once, at load.
  bool constant_node(ir::NodeId node) const;
};

/// "Conv"; "com.microsoft.FusedConv" for domains other than ai.onnx.
std::string operator_type(const ir::Node& node);

/// Errors: those of ir::inline_functions, ir::resolve and shape::infer.
PlanningModel prepare(const ir::Model& model, const shape::Bindings& bindings);

struct BuildOptions {
  enum class Colocation { none, chain, paper, blocks };
  /// chain: merge X into Y when Y is X's only consumer and X is Y's only producer; paper: single-consumer rule to
  /// its fixpoint (placement 1.3); blocks: what is connected within one of several equal blocks of ops in a row (blocks.h):
  /// layers, branches, cells of an unrolled recurrence. In every mode units hold: the nodes of one function call; Shape and Size with
  /// the producer of their input; sequence, map and optional values with their producer and consumers;
  /// DequantizeLinear / QuantizeLinear with the op they wrap; the user's groups.
  Colocation colocation = Colocation::chain;
  std::vector<std::vector<std::string>> groups = {};  // base::NamePattern, one list a group
  /// Which devices can run a main-graph node, one bit each; unset: all run all. chain, paper and blocks never merge
  /// nodes that run on different devices, so that one op without a GPU kernel does not hold its whole chain on the CPU.
  std::function<uint64_t(ir::NodeId)> runs_on = {};
  /// Ops that a runtime runs as one kernel (fusion.h) form a unit, too.
  bool fuse = false;
};

/// One op for each live node of the main graph. A node whose whole cone is constant becomes a parameter of its
/// consumers, unless its value is a graph output; a dead node is left out; both are listed. Control flow is one op,
/// whose captured values are inputs and whose bodies' constants (initializers and what is computed from them) are
/// its parameters. An initializer that is also a graph input counts as a parameter. O(nodes + edges).
/// Errors: malformed when all tensors together exceed 2 EiB, or for more than 65535 operator types; config for an
/// invalid group pattern, and for one that matches no op.
struct Built {
  OpGraph graph;
  std::vector<uint32_t> folded;  // planning nodes that are constant: not ops
  std::vector<uint32_t> dead;    // planning nodes that reach no output
  /// Planning node -> the op whose device it follows (itself for a live node; a consumer for a folded one; the
  /// nearest live producer for a dead one; kNone if there is none).
  std::vector<OpId> op_of_node;
  Fusion fusion;  // empty unless asked for
  /// By ir::ValueId: its tensor or parameter, or kNone.
  std::vector<TensorId> tensor_of_value;
  std::vector<ParamId> param_of_value;
};
Built build(const PlanningModel& planning, const BuildOptions& options);

/// One hash over structure, op types, attributes and shapes: names do not count, so a re-export hashes alike.
std::string structure_hash(const PlanningModel& planning, const OpGraph& graph);

/// By op: a hash of its type, attributes and the shapes of its inputs and outputs, and after `rounds` rounds also of its
/// neighbourhood up to that distance.
std::vector<uint64_t> op_hashes(const PlanningModel& planning, const OpGraph& graph, int rounds);

/// By op: a hash of its type, attributes, output shapes and those of its neighbourhood (3 rounds), hexadecimal 16
/// digits: finds an op again after values were renamed.
std::vector<std::string> fingerprints(const PlanningModel& planning, const OpGraph& graph);

}  // namespace allot::graph
