// SPDX-License-Identifier: Apache-2.0
// What a placer sees: operations, the tensors between them and the parameters they hold, in flat arrays.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/csr.h"
#include "base/names.h"

namespace allot::graph {

using OpId = uint32_t;  // numbered topologically: every producer has a smaller number than its consumers
using TensorId = uint32_t;
using ParamId = uint32_t;
using UnitId = uint32_t;
constexpr uint32_t kNone = ~uint32_t{0};

/// Structure only, no costs. Built from a model (build.h) or by a generator; knows nothing of ONNX types.
/// Invariants: ops in topological order; rows of `inputs` and `params` are ascending and without duplicates;
/// tensors are numbered graph inputs first, then by producer.
struct OpGraph {
  // -- data flow
  base::Csr<TensorId> inputs;   // op -> tensors it reads (parameters not among them)
  base::Csr<TensorId> outputs;  // op -> tensors it makes
  base::Csr<OpId> consumers;    // tensor -> ops that read it, ascending
  std::vector<OpId> producer;   // tensor -> its op, or kNone for a graph input
  std::vector<char> is_output;  // tensor -> is an output of the graph
  std::vector<int64_t> tensor_bytes;
  // -- parameters: weights and folded constants, resident from the start on every device that uses them
  base::Csr<ParamId> params;  // op -> parameters
  std::vector<int64_t> param_bytes;
  // -- neighbours, derived: distinct and ascending
  base::Csr<OpId> predecessors, successors;
  // -- units: ops that must share a device; a placement decides units
  std::vector<UnitId> unit_of;  // op -> unit; units are numbered by their first op
  base::Csr<OpId> members;      // unit -> ops, ascending
  // -- description
  std::vector<uint16_t> type;           // op -> index into type_names
  std::vector<std::string> type_names;  // "Conv", "com.microsoft.FusedConv"; sorted
  base::Names op_names;                 // node name, else "<op_type>_<node index>"
  base::Names tensor_names;
  base::Names param_names;
  std::vector<uint32_t> node;   // op -> index of its node in the planning model's main graph
  std::vector<OpId> shape_ops;  // those that tell the shape of what they read and are nodes of the file; ascending

  uint32_t num_ops() const { return outputs.rows(); }
  uint32_t num_tensors() const { return static_cast<uint32_t>(producer.size()); }
  uint32_t num_params() const { return static_cast<uint32_t>(param_bytes.size()); }
  uint32_t num_units() const { return members.rows(); }
};

/// Fills consumers, predecessors and successors from inputs, outputs and producer. O(edges log degree).
void derive_neighbours(OpGraph& graph);

/// Sets unit_of and members from a representative per op (any labels; equal labels = one unit).
void set_units(OpGraph& graph, const std::vector<uint32_t>& label);

/// Gives back what the arrays hold in reserve, once a graph is complete: up to half of its memory.
void shrink_to_fit(OpGraph& graph);

/// Throws an internal error naming the invariant that does not hold; for tests and generators.
void check_invariants(const OpGraph& graph);

}  // namespace allot::graph
