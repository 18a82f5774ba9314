// SPDX-License-Identifier: Apache-2.0
// Who defines and who uses each value: names resolved through scopes, once, to dense numbers.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/csr.h"
#include "ir/model.h"
#include "ir/names.h"

namespace allot::ir {

using ValueId = uint32_t;
using GraphId = uint32_t;  // 0 is the main graph
using NodeId = uint32_t;   // numbers all nodes of all graphs
constexpr uint32_t kNone = NameTable::kNone;

/// Every value of a model, main graph and bodies of control flow, numbered in order of definition.
/// A graph's nodes are numbered contiguously; those of a body come after those of the graph around it.
struct Values {
  struct Value {
    Str name;
    GraphId graph = 0;
    NodeId producer = kNone;  // kNone: a graph input or an initializer
    const Tensor* initializer = nullptr;
    const SparseTensor* sparse = nullptr;
    const ValueInfo* info = nullptr;  // declared type, if any
    bool is_input = false;            // named among the graph's inputs (an initializer may be, too)
  };
  struct NodeRef {
    const Node* node = nullptr;
    GraphId graph = 0;
    uint32_t index = 0;  // within its graph
  };
  struct GraphRef {
    const Graph* graph = nullptr;
    NodeId owner = kNone;  // the control-flow node it belongs to
    NodeId first_node = 0;
    std::vector<ValueId> inputs, outputs;
    std::vector<NodeId> order;      // its nodes, topologically: of those ready the first in the file
    std::vector<ValueId> captured;  // outer values used here or deeper, ascending, for bodies only
  };
  std::vector<Value> values;
  std::vector<NodeRef> nodes;
  std::vector<GraphRef> graphs;
  base::Csr<ValueId> inputs, outputs;  // by node; kNone for ""
  base::Csr<GraphId> bodies;           // by node, in order of attributes
  uint32_t reordered_graphs = 0;       // graphs whose file order was not topological

  /// The main graph's value of that name, or kNone.
  ValueId find(Str name) const;

  NameTable main_scope;
};

/// Resolves all names. No recursion on the graph's depth, O(nodes + values). A reference into `model`.
/// Errors, all malformed and naming node and value: a value defined twice, a use of an undefined value, a cycle
/// (one is printed), a graph output that nobody defines, a shadowed name is resolved innermost with a warning.
Values resolve(const Model& model);

}  // namespace allot::ir
