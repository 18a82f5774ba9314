// SPDX-License-Identifier: Apache-2.0
// Hashes of structure that survive a re-export: names and the order of nodes in the file do not enter.
#include <algorithm>
#include <bit>

#include <fmt/core.h>

#include "base/hash.h"
#include "graph/build.h"

namespace allot::graph {
namespace {

using base::mix;

uint64_t hash_text(ir::Str text) {
  uint64_t hash = text.size();
  for (const char c : text) hash = mix(hash, static_cast<unsigned char>(c));
  return hash;
}

template <typename Range>
uint64_t hash_list(const Range& items) {
  uint64_t hash = std::size(items);
  for (const auto item : items) hash = mix(hash, static_cast<uint64_t>(item));
  return hash;
}

// Hashes every value and node of a planning model, bodies of control flow included, from the graph's inputs on:
// a node by its operator, attributes and the hashes of its inputs, in their order; a value by its node and slot.
class Hasher {
 public:
  explicit Hasher(const PlanningModel& planning)
      : planning_(planning), values_(planning.values), value_(values_.values.size()), node_(values_.nodes.size()) {
    hash_graph(0);
  }

  uint64_t value(ir::ValueId id) const { return value_[id]; }
  uint64_t node(ir::NodeId id) const { return node_[id]; }

  // Type, attributes and output types of a node; neither who feeds it nor its bodies.
  uint64_t own(ir::NodeId id) const {
    const ir::Node& node = *values_.nodes[id].node;
    uint64_t hash = mix(hash_text(node.op_type), hash_text(node.domain));
    uint64_t attributes = 0;  // a sum, for the order of attributes is free
    for (const auto& attribute : node.attributes) attributes += hash_attribute(attribute);
    hash = mix(hash, attributes);
    for (const ir::ValueId output : values_.outputs[id]) hash = mix(hash, output == ir::kNone ? 0 : hash_type(output));
    return hash;
  }

  // Of a constant: its type, and its content if that is a few integers, for those (axes, shapes, indices) are
  // attributes in all but form; weights do not count.
  uint64_t constant(ir::ValueId id) const {
    constexpr size_t kMaxContent = 64;
    uint64_t hash = mix(1, hash_type(id));
    const auto& content = planning_.shapes.content[id];
    if (!content.known || content.data.size() > kMaxContent) return hash;
    if (!ir::is_integer(planning_.shapes.types[id].elem)) return hash;
    for (const double x : content.data) hash = mix(hash, std::bit_cast<uint64_t>(x));
    return hash;
  }

  uint64_t hash_type(ir::ValueId id) const {
    const auto& type = planning_.shapes.types[id];
    uint64_t hash = mix(static_cast<uint64_t>(type.kind), static_cast<uint64_t>(type.elem));
    return mix(mix(hash, type.has_rank), hash_list(type.dims));
  }

 private:
  // Graphs nest at most as deep as the reader allows.
  uint64_t hash_graph(ir::GraphId id) {
    const auto& graph = values_.graphs[id];
    for (size_t i = 0; i < graph.inputs.size(); ++i) {
      const ir::ValueId input = graph.inputs[i];
      value_[input] = planning_.constant(input) ? constant(input) : mix(mix(2, i), hash_type(input));
    }
    uint64_t hash = 3;
    for (const ir::NodeId node : graph.order) hash_node(node);
    for (const ir::ValueId output : graph.outputs) hash = mix(hash, read(output));
    return hash;
  }

  // The hash of a value as a reader sees it; initializers have no node that set it.
  uint64_t read(ir::ValueId id) const {
    if (id == ir::kNone) return 4;
    return planning_.constant(id) ? constant(id) : value_[id];
  }

  void hash_node(ir::NodeId id) {
    uint64_t hash = own(id);
    for (const ir::ValueId input : values_.inputs[id]) hash = mix(hash, read(input));
    for (const ir::GraphId body : values_.bodies[id]) hash = mix(hash, hash_graph(body));
    node_[id] = hash;
    const auto outputs = values_.outputs[id];
    for (size_t slot = 0; slot < outputs.size(); ++slot)
      if (outputs[slot] != ir::kNone) value_[outputs[slot]] = mix(hash, slot);
  }

  static uint64_t hash_attribute(const ir::Attribute& attribute) {
    uint64_t hash = mix(hash_text(attribute.name), static_cast<uint64_t>(attribute.kind));
    hash = mix(hash, std::bit_cast<uint32_t>(attribute.f));
    hash = mix(hash, static_cast<uint64_t>(attribute.i));
    hash = mix(hash, hash_text(attribute.s));
    for (const float f : attribute.floats) hash = mix(hash, std::bit_cast<uint32_t>(f));
    hash = mix(hash, hash_list(attribute.ints));
    for (const ir::Str text : attribute.strings) hash = mix(hash, hash_text(text));
    for (const auto& tensor : attribute.tensors)
      hash = mix(mix(hash, static_cast<uint64_t>(tensor.dtype)), hash_list(tensor.dims));
    return hash;
  }

  const PlanningModel& planning_;
  const ir::Values& values_;
  std::vector<uint64_t> value_, node_;
};

// By op: what its consumers do with its outputs, and theirs in turn; sums, for consumers have no order.
std::vector<uint64_t> hash_consumers(const OpGraph& graph, const Hasher& hasher) {
  std::vector<uint64_t> hash(graph.num_ops());
  for (OpId op = graph.num_ops(); op-- > 0;) {
    uint64_t sum = 0;
    const auto outputs = graph.outputs[op];
    for (size_t slot = 0; slot < outputs.size(); ++slot) {
      sum += graph.is_output[outputs[slot]] ? mix(slot, 1) : 0;
      for (const OpId consumer : graph.consumers[outputs[slot]])
        sum += mix(mix(slot, hasher.node(graph.node[consumer])), hash[consumer]);
    }
    hash[op] = mix(sum, 5);
  }
  return hash;
}

}  // namespace

std::string structure_hash(const PlanningModel& planning, const OpGraph& graph) {
  const Hasher hasher(planning);
  const auto below = hash_consumers(graph, hasher);
  std::vector<uint64_t> ops(graph.num_ops());
  for (OpId op = 0; op < graph.num_ops(); ++op) ops[op] = mix(hasher.node(graph.node[op]), below[op]);
  std::sort(ops.begin(), ops.end());
  base::Sha256 sha;
  sha.add_field("allot.structure/1");
  for (const ir::ValueId input : planning.values.graphs[0].inputs)
    if (!planning.constant(input)) sha.add_field(static_cast<int64_t>(hasher.hash_type(input)));
  for (const uint64_t op : ops) sha.add_field(static_cast<int64_t>(op));
  for (const ir::ValueId output : planning.values.graphs[0].outputs) {
    const bool constant = planning.constant(output);
    sha.add_field(static_cast<int64_t>(constant ? hasher.constant(output) : hasher.value(output)));
  }
  return sha.hex();
}

std::vector<uint64_t> op_hashes(const PlanningModel& planning, const OpGraph& graph, int rounds) {
  const Hasher hasher(planning);
  const auto& values = planning.values;
  std::vector<uint64_t> hash(graph.num_ops()), next(graph.num_ops());
  for (OpId op = 0; op < graph.num_ops(); ++op) {
    hash[op] = hasher.own(graph.node[op]);
    for (const ir::ValueId input : values.inputs[graph.node[op]]) {
      const bool constant = input != ir::kNone && planning.constant(input);
      hash[op] = mix(hash[op], input == ir::kNone ? 0 : constant ? hasher.constant(input) : hasher.hash_type(input));
    }
  }
  for (int round = 0; round < rounds; ++round) {
    for (OpId op = 0; op < graph.num_ops(); ++op) {
      uint64_t before = 0, after = 0;
      for (const OpId other : graph.predecessors[op]) before += mix(hash[other], 6);
      for (const OpId other : graph.successors[op]) after += mix(hash[other], 7);
      next[op] = mix(mix(hash[op], before), after);
    }
    hash.swap(next);
  }
  return hash;
}

std::vector<std::string> fingerprints(const PlanningModel& planning, const OpGraph& graph) {
  constexpr int kRounds = 3;
  std::vector<std::string> result;
  for (const uint64_t h : op_hashes(planning, graph, kRounds)) result.push_back(fmt::format("{:016x}", h));
  return result;
}

}  // namespace allot::graph
