// SPDX-License-Identifier: Apache-2.0
#include "graph/units.h"

#include <numeric>
#include <unordered_set>

#include "base/error.h"
#include "base/name_pattern.h"
#include "graph/blocks.h"
#include "graph/sets.h"

namespace allot::graph {
namespace {

class Colocation {
 public:
  Colocation(OpGraph& graph, const PlanningModel& planning)
      : graph_(graph), planning_(planning), sets_(graph.num_ops()) {}

  void unite_function_calls() {
    if (!planning_.inlined) return;
    std::vector<OpId> first(planning_.original->graph.nodes.size(), kNone);
    for (OpId op = 0; op < graph_.num_ops(); ++op) {
      OpId& leader = first[planning_.original_node(graph_.node[op])];
      if (leader == kNone) leader = op;
      sets_.unite(op, leader);
    }
  }

  void unite_shapes_with_producers() {
    for (OpId op = 0; op < graph_.num_ops(); ++op) {
      if (!node(op).is("Shape") && !node(op).is("Size")) continue;
      for (const OpId producer : graph_.predecessors[op]) sets_.unite(op, producer);
    }
  }

  // Sequences, maps and optionals never cross devices: all who touch one share a unit.
  void unite_containers() {
    std::vector<OpId> first(planning_.values.values.size(), kNone);
    const auto touch = [&](OpId op, ir::ValueId value) {
      if (value == ir::kNone || !is_container(planning_.shapes.types[value].kind)) return;
      if (first[value] == kNone) first[value] = op;
      sets_.unite(op, first[value]);
    };
    for (OpId op = 0; op < graph_.num_ops(); ++op) {
      const uint32_t n = graph_.node[op];
      for (const ir::ValueId value : planning_.values.inputs[n]) touch(op, value);
      for (const ir::ValueId value : planning_.values.outputs[n]) touch(op, value);
      for (const ir::GraphId body : planning_.values.bodies[n])
        for (const ir::ValueId value : planning_.values.graphs[body].captured) touch(op, value);
    }
  }

  // DequantizeLinear -> op -> QuantizeLinear is what runtimes replace by one quantized kernel. A tensor that others
  // read as well is a real boundary and joins nobody.
  void unite_quantization() {
    for (OpId op = 0; op < graph_.num_ops(); ++op) {
      if (node(op).op_type == "DequantizeLinear" && graph_.outputs[op].size() == 1) {
        const TensorId tensor = graph_.outputs[op][0];
        if (sole_reader(tensor)) sets_.unite(op, graph_.consumers[tensor][0]);
      }
      if (node(op).op_type != "QuantizeLinear") continue;
      for (const TensorId tensor : graph_.inputs[op])
        if (graph_.producer[tensor] != kNone && sole_reader(tensor)) sets_.unite(op, graph_.producer[tensor]);
    }
  }

  void unite_groups(const std::vector<std::vector<std::string>>& groups) {
    for (const auto& group : groups) {
      OpId leader = kNone;
      for (const auto& expression : group) {
        const base::NamePattern pattern(expression);
        bool matched = false;
        for (OpId op = 0; op < graph_.num_ops(); ++op) {
          if (!pattern.matches(graph_.op_names[op])) continue;
          matched = true;
          if (leader == kNone) leader = op;
          sets_.unite(op, leader);
        }
        if (!matched)
          throw base::Error(base::ErrorKind::config, fmt::format("pattern '{}'", base::printable(expression)),
                            "matches the name of no operation", "compare it with the names that placer-embed prints");
      }
    }
  }

  void unite_fused(const std::vector<OpId>& main_of) {
    for (OpId op = 0; op < main_of.size(); ++op) sets_.unite(op, main_of[op]);
  }

  // X and Y become one unit when Y is X's only consumer and X is Y's only producer, X and Y being units. One pass
  // is the fixpoint: merging the two changes the neighbour count of nobody else.
  void contract_chains(const std::function<uint64_t(ir::NodeId)>& runs_on) {
    const uint32_t ops = graph_.num_ops();
    const auto devices = devices_of_sets(runs_on);
    constexpr uint32_t kMany = kNone - 1;
    std::vector<uint32_t> label(ops), consumer(ops, kNone), producer(ops, kNone);
    for (OpId op = 0; op < ops; ++op) label[op] = sets_.find(op);
    const auto note = [](uint32_t& only, uint32_t other) { only = only == kNone || only == other ? other : kMany; };
    for (OpId op = 0; op < ops; ++op) {
      for (const OpId next : graph_.successors[op]) {
        if (label[next] == label[op]) continue;
        note(consumer[label[op]], label[next]);
        note(producer[label[next]], label[op]);
      }
      for (const TensorId tensor : graph_.outputs[op])
        if (graph_.is_output[tensor]) consumer[label[op]] = kMany;
    }
    for (uint32_t unit = 0; unit < ops; ++unit) {
      const uint32_t next = consumer[unit];
      if (next < kMany && producer[next] == unit && devices[unit] == devices[next]) sets_.unite(unit, next);
    }
  }

  // The published rule: a unit whose consumers are all in one other unit joins it, until nothing changes. Kept
  // exact and near linear by neighbour sets of which the smaller is always folded into the larger.
  void merge_single_consumers(const std::function<uint64_t(ir::NodeId)>& runs_on) {
    const uint32_t ops = graph_.num_ops();
    const auto devices = devices_of_sets(runs_on);
    std::vector<std::unordered_set<uint32_t>> consumers(ops), producers(ops);
    std::vector<char> held(ops, false);  // makes a graph output: has a consumer outside
    for (OpId op = 0; op < ops; ++op) {
      const uint32_t unit = sets_.find(op);
      for (const OpId next : graph_.successors[op]) {
        const uint32_t other = sets_.find(next);
        if (other == unit) continue;
        consumers[unit].insert(other);
        producers[other].insert(unit);
      }
      for (const TensorId tensor : graph_.outputs[op]) held[unit] |= graph_.is_output[tensor];
    }
    std::vector<uint32_t> alias(ops);  // unit -> the key under which its neighbour sets are kept
    std::iota(alias.begin(), alias.end(), 0u);
    std::vector<uint32_t> work(ops);
    std::iota(work.rbegin(), work.rend(), 0u);
    while (!work.empty()) {
      const uint32_t unit = work.back();
      work.pop_back();
      if (alias[unit] != unit || held[unit] || consumers[unit].size() != 1) continue;
      const uint32_t next = *consumers[unit].begin();
      if (devices[unit] != devices[next]) continue;
      sets_.unite(unit, next);
      const auto degree = [&](uint32_t u) { return consumers[u].size() + producers[u].size(); };
      const auto [small, large] = degree(unit) < degree(next) ? std::pair(unit, next) : std::pair(next, unit);
      held[large] |= held[small];
      alias[small] = large;
      redirect(consumers[small], producers, small, large, consumers[large]);
      redirect(producers[small], consumers, small, large, producers[large]);
      for (const uint32_t producer : producers[small]) work.push_back(producer);
      work.push_back(large);
    }
  }

  void unite_blocks(const std::function<uint64_t(ir::NodeId)>& runs_on) {
    const auto block = repeated_blocks(op_hashes(planning_, graph_, 0));
    const auto devices = devices_of_sets(runs_on);
    for (OpId op = 0; op < graph_.num_ops(); ++op)
      for (const OpId before : graph_.predecessors[op])
        if (block[op] != kNone && block[op] == block[before] && devices[sets_.find(op)] == devices[sets_.find(before)])
          sets_.unite(op, before);
  }

  void finish() {
    std::vector<uint32_t> label(graph_.num_ops());
    for (OpId op = 0; op < graph_.num_ops(); ++op) label[op] = sets_.find(op);
    set_units(graph_, label);
  }

 private:
  const ir::Node& node(OpId op) const { return *planning_.values.nodes[graph_.node[op]].node; }
  bool sole_reader(TensorId tensor) const { return graph_.consumers[tensor].size() == 1 && !graph_.is_output[tensor]; }
  static bool is_container(ir::Type::Kind kind) {
    using Kind = ir::Type::Kind;
    return kind == Kind::sequence || kind == Kind::map || kind == Kind::optional || kind == Kind::opaque;
  }

  // By representative: the devices that run every member.
  std::vector<uint64_t> devices_of_sets(const std::function<uint64_t(ir::NodeId)>& runs_on) {
    std::vector<uint64_t> devices(graph_.num_ops(), ~uint64_t{0});
    if (runs_on)
      for (OpId op = 0; op < graph_.num_ops(); ++op) devices[sets_.find(op)] &= runs_on(graph_.node[op]);
    return devices;
  }

  // The neighbours of `small` become neighbours of `large`, in both directions.
  static void redirect(const std::unordered_set<uint32_t>& neighbours, std::vector<std::unordered_set<uint32_t>>& back,
                       uint32_t small, uint32_t large, std::unordered_set<uint32_t>& of_large) {
    of_large.erase(small);
    for (const uint32_t neighbour : neighbours) {
      back[neighbour].erase(small);
      if (neighbour == large) continue;
      back[neighbour].insert(large);
      of_large.insert(neighbour);
    }
  }

  OpGraph& graph_;
  const PlanningModel& planning_;
  Sets sets_;
};

}  // namespace

void colocate(OpGraph& graph, const PlanningModel& planning, const BuildOptions& options,
              const std::vector<OpId>& main_of) {
  Colocation colocation(graph, planning);
  colocation.unite_function_calls();
  colocation.unite_shapes_with_producers();
  colocation.unite_containers();
  colocation.unite_quantization();
  colocation.unite_groups(options.groups);
  colocation.unite_fused(main_of);
  if (options.colocation == BuildOptions::Colocation::chain) colocation.contract_chains(options.runs_on);
  if (options.colocation == BuildOptions::Colocation::paper) colocation.merge_single_consumers(options.runs_on);
  if (options.colocation == BuildOptions::Colocation::blocks) colocation.unite_blocks(options.runs_on);
  colocation.finish();
}

}  // namespace allot::graph
