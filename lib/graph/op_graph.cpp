// SPDX-License-Identifier: Apache-2.0
#include "graph/op_graph.h"

#include <algorithm>
#include <unordered_map>

#include "base/error.h"

namespace allot::graph {
namespace {

void sort_unique(std::vector<OpId>& ops) {
  std::sort(ops.begin(), ops.end());
  ops.erase(std::unique(ops.begin(), ops.end()), ops.end());
}

}  // namespace

void derive_neighbours(OpGraph& graph) {
  graph.consumers = base::transpose(graph.inputs, graph.num_tensors());
  graph.predecessors = {};
  graph.successors = {};
  std::vector<OpId> row;
  for (OpId op = 0; op < graph.num_ops(); ++op) {
    row.clear();
    for (const TensorId tensor : graph.inputs[op])
      if (graph.producer[tensor] != kNone) row.push_back(graph.producer[tensor]);
    sort_unique(row);
    graph.predecessors.add_row(row);
    row.clear();
    for (const TensorId tensor : graph.outputs[op])
      row.insert(row.end(), graph.consumers[tensor].begin(), graph.consumers[tensor].end());
    sort_unique(row);
    graph.successors.add_row(row);
  }
}

void set_units(OpGraph& graph, const std::vector<uint32_t>& label) {
  ALLOT_ASSERT(label.size() == graph.num_ops());
  std::unordered_map<uint32_t, UnitId> unit_of_label;
  graph.unit_of.resize(graph.num_ops());
  std::vector<uint32_t> sizes;
  for (OpId op = 0; op < graph.num_ops(); ++op) {
    const auto [entry, inserted] = unit_of_label.try_emplace(label[op], static_cast<UnitId>(sizes.size()));
    if (inserted) sizes.push_back(0);
    graph.unit_of[op] = entry->second;
    ++sizes[entry->second];
  }
  graph.members = {};
  for (const uint32_t size : sizes) graph.members.begin.push_back(graph.members.begin.back() + size);
  graph.members.items.resize(graph.num_ops());
  std::vector<uint32_t> next(graph.members.begin.begin(), graph.members.begin.end() - 1);
  for (OpId op = 0; op < graph.num_ops(); ++op) graph.members.items[next[graph.unit_of[op]]++] = op;
}

void shrink_to_fit(OpGraph& graph) {
  const auto shrink = [](auto&... arrays) { (arrays.shrink_to_fit(), ...); };
  for (auto* rows : {&graph.inputs, &graph.outputs, &graph.consumers, &graph.params, &graph.predecessors,
                     &graph.successors, &graph.members})
    shrink(rows->begin, rows->items);
  shrink(graph.producer, graph.is_output, graph.tensor_bytes, graph.param_bytes, graph.unit_of, graph.type, graph.node,
         graph.shape_ops, graph.op_names, graph.tensor_names, graph.param_names);
}

void check_invariants(const OpGraph& graph) {
  const uint32_t ops = graph.num_ops(), tensors = graph.num_tensors();
  ALLOT_ASSERT(graph.inputs.rows() == ops && graph.params.rows() == ops && graph.consumers.rows() == tensors);
  ALLOT_ASSERT(graph.is_output.size() == tensors && graph.tensor_bytes.size() == tensors);
  ALLOT_ASSERT(graph.unit_of.size() == ops && graph.type.size() == ops && graph.node.size() == ops);
  ALLOT_ASSERT(graph.predecessors.rows() == ops && graph.successors.rows() == ops);
  const auto ascending = [](std::span<const uint32_t> row) {
    return std::adjacent_find(row.begin(), row.end(), std::greater_equal<>()) == row.end();
  };
  TensorId first_made = 0;
  while (first_made < tensors && graph.producer[first_made] == kNone) ++first_made;
  for (TensorId tensor = first_made; tensor < tensors; ++tensor) ALLOT_ASSERT(graph.producer[tensor] != kNone);
  for (OpId op = 0; op < ops; ++op) {
    ALLOT_ASSERT(ascending(graph.inputs[op]) && ascending(graph.params[op]));
    for (const TensorId tensor : graph.outputs[op]) ALLOT_ASSERT(graph.producer[tensor] == op);
    for (const TensorId tensor : graph.inputs[op])
      ALLOT_ASSERT(graph.producer[tensor] == kNone || graph.producer[tensor] < op);
    for (const ParamId param : graph.params[op]) ALLOT_ASSERT(param < graph.num_params());
    ALLOT_ASSERT(graph.type[op] < graph.type_names.size());
  }
  ALLOT_ASSERT(ascending(graph.shape_ops) && (graph.shape_ops.empty() || graph.shape_ops.back() < ops));
  UnitId seen = 0;
  for (OpId op = 0; op < ops; ++op) {
    ALLOT_ASSERT(graph.unit_of[op] <= seen && graph.unit_of[op] < graph.num_units());
    if (graph.unit_of[op] == seen) ++seen;
  }
  ALLOT_ASSERT(seen == graph.num_units());
}

}  // namespace allot::graph
