// SPDX-License-Identifier: Apache-2.0
#include "graph/build.h"

#include <algorithm>
#include <limits>
#include <map>

#include "base/error.h"
#include "graph/units.h"
#include "ir/payload.h"

namespace allot::graph {

bool PlanningModel::constant(ir::ValueId value) const {
  const auto& definition = values.values[value];
  return definition.initializer || definition.sparse || shapes.constant[value];
}

bool PlanningModel::constant_node(ir::NodeId node) const {
  const auto row = values.outputs[node];
  return std::all_of(row.begin(), row.end(), [&](ir::ValueId v) { return v == ir::kNone || constant(v); });
}

std::string operator_type(const ir::Node& node) {
  return node.domain.empty() ? std::string(node.op_type) : fmt::format("{}.{}", node.domain, node.op_type);
}

PlanningModel prepare(const ir::Model& model, const shape::Bindings& bindings) {
  PlanningModel planning;
  planning.original = &model;
  if (ir::calls_functions(model)) planning.inlined = std::make_shared<ir::Inlined>(ir::inline_functions(model));
  planning.values = ir::resolve(planning.model());
  planning.shapes = shape::infer(planning.model(), planning.values, bindings);
  return planning;
}

namespace {

enum class Role : uint8_t { dead, folded, live };

class Builder {
 public:
  explicit Builder(const PlanningModel& planning)
      : planning_(planning), values_(planning.values), main_(values_.graphs[0]) {
    built_.tensor_of_value.assign(values_.values.size(), kNone);
    built_.param_of_value.assign(values_.values.size(), kNone);
  }

  Built build() {
    find_roles();
    number_ops();
    number_tensors();
    for (OpId op = 0; op < graph_.num_ops(); ++op) add_reads(op);
    name_types();
    check_total_bytes();
    derive_neighbours(graph_);
    follow_ops();
    return std::move(built_);
  }

 private:
  // Calls f(value) for each main-graph value that the node reads, directly or from its bodies.
  template <typename F>
  void for_each_read(ir::NodeId node, F f) const {
    for (const ir::ValueId value : values_.inputs[node])
      if (value != ir::kNone) f(value);
    for (const ir::GraphId body : values_.bodies[node])
      for (const ir::ValueId value : values_.graphs[body].captured) f(value);
  }

  void find_roles() {
    role_.assign(main_.graph->nodes.size(), Role::dead);
    std::vector<ir::NodeId> stack;
    const auto reach = [&](ir::ValueId value) {
      const ir::NodeId node = values_.values[value].producer;
      if (node == ir::kNone || role_[node] != Role::dead) return;
      role_[node] = planning_.constant_node(node) ? Role::folded : Role::live;
      stack.push_back(node);
    };
    for (const ir::ValueId value : main_.outputs) {
      reach(value);
      const ir::NodeId node = values_.values[value].producer;
      if (node != ir::kNone) role_[node] = Role::live;  // a constant that is an output is made by an op
    }
    while (!stack.empty()) {
      const ir::NodeId node = stack.back();
      stack.pop_back();
      for_each_read(node, reach);
    }
    for (const ir::NodeId node : main_.order) {
      if (role_[node] == Role::folded) built_.folded.push_back(node);
      if (role_[node] == Role::dead) built_.dead.push_back(node);
    }
  }

  void number_ops() {
    built_.op_of_node.assign(role_.size(), kNone);
    for (const ir::NodeId node : main_.order) {
      if (role_[node] != Role::live) continue;
      built_.op_of_node[node] = static_cast<OpId>(graph_.node.size());
      graph_.node.push_back(node);
      const ir::Node& ir_node = *values_.nodes[node].node;
      graph_.op_names.push_back(ir_node.name.empty() ? fmt::format("{}_{}", ir_node.op_type, node)
                                                     : std::string(ir_node.name));
      const ir::Node& in_file = planning_.original->graph.nodes[planning_.original_node(node)];
      if (in_file.is("Shape") || in_file.is("Size")) graph_.shape_ops.push_back(built_.op_of_node[node]);
    }
  }

  void add_tensor(ir::ValueId value, OpId producer) {
    tensor_of_value_[value] = graph_.num_tensors();
    graph_.producer.push_back(producer);
    graph_.is_output.push_back(false);
    graph_.tensor_bytes.push_back(planning_.shapes.types[value].bytes());
    graph_.tensor_names.push_back(values_.values[value].name);
  }

  void number_tensors() {
    for (const ir::ValueId value : main_.inputs)
      if (!planning_.constant(value)) add_tensor(value, kNone);
    for (OpId op = 0; op < graph_.node.size(); ++op) {
      for (const ir::ValueId value : values_.outputs[graph_.node[op]]) {
        if (value == ir::kNone) continue;
        graph_.outputs.push(graph_.num_tensors());
        add_tensor(value, op);
      }
      graph_.outputs.end_row();
    }
    for (const ir::ValueId value : main_.outputs)
      if (tensor_of_value_[value] != kNone) graph_.is_output[tensor_of_value_[value]] = true;
  }

  int64_t parameter_bytes(ir::ValueId value) const {
    const auto& definition = values_.values[value];
    if (definition.initializer) return ir::tensor_bytes(*definition.initializer);
    if (definition.sparse)
      return ir::tensor_bytes(definition.sparse->values) + ir::tensor_bytes(definition.sparse->indices);
    return planning_.shapes.types[value].bytes();
  }

  ParamId parameter(ir::ValueId value) {
    ParamId& param = param_of_value_[value];
    if (param == kNone) {
      param = graph_.num_params();
      graph_.param_bytes.push_back(parameter_bytes(value));
      graph_.param_names.push_back(values_.values[value].name);
    }
    return param;
  }

  // The constants that bodies of a control-flow node hold themselves, at any depth.
  void add_body_params(ir::NodeId owner, std::vector<ParamId>& params) {
    const auto add = [&](ir::ValueId value) {
      if (value != ir::kNone && values_.values[value].graph != 0 && planning_.constant(value))
        params.push_back(parameter(value));
    };
    std::vector<ir::GraphId> stack(values_.bodies[owner].begin(), values_.bodies[owner].end());
    while (!stack.empty()) {
      const auto& body = values_.graphs[stack.back()];
      stack.pop_back();
      for (const ir::NodeId node : body.order) {
        stack.insert(stack.end(), values_.bodies[node].begin(), values_.bodies[node].end());
        if (!planning_.constant_node(node))
          std::for_each(values_.inputs[node].begin(), values_.inputs[node].end(), add);
      }
      std::for_each(body.outputs.begin(), body.outputs.end(), add);
    }
  }

  void add_reads(OpId op) {
    std::vector<TensorId> tensors;
    std::vector<ParamId> params;
    for_each_read(graph_.node[op], [&](ir::ValueId value) {
      if (tensor_of_value_[value] != kNone)
        tensors.push_back(tensor_of_value_[value]);
      else
        params.push_back(parameter(value));
    });
    add_body_params(graph_.node[op], params);
    for (auto* row : {&tensors, &params}) {
      std::sort(row->begin(), row->end());
      row->erase(std::unique(row->begin(), row->end()), row->end());
    }
    graph_.inputs.add_row(tensors);
    graph_.params.add_row(params);
  }

  void name_types() {
    std::map<std::string, uint16_t> index;
    std::vector<decltype(index)::iterator> entry;
    for (const uint32_t node : graph_.node) {
      const ir::Node& ir_node = *values_.nodes[node].node;
      const auto name =
          ir_node.domain.empty() ? std::string(ir_node.op_type) : fmt::format("{}.{}", ir_node.domain, ir_node.op_type);
      entry.push_back(index.try_emplace(name).first);
    }
    if (index.size() > std::numeric_limits<uint16_t>::max())
      throw base::Error(base::ErrorKind::malformed, "model", "more than 65535 operator types");
    for (auto& [name, number] : index) {
      number = static_cast<uint16_t>(graph_.type_names.size());
      graph_.type_names.push_back(name);
    }
    for (const auto& type : entry) graph_.type.push_back(type->second);
  }

  // Later sums of sizes, over any set of tensors, then cannot overflow.
  void check_total_bytes() const {
    constexpr int64_t kMax = std::numeric_limits<int64_t>::max() / 4;
    int64_t total = 0;
    const auto add = [&](const std::vector<int64_t>& bytes, const base::Names& names) {
      for (size_t i = 0; i < bytes.size(); ++i) {
        if (bytes[i] > kMax - total)
          throw base::Error(base::ErrorKind::malformed, fmt::format("tensor '{}'", base::printable(names[i])),
                            fmt::format("{} bytes, with the tensors before it more than 2 EiB", bytes[i]),
                            "check the sizes given with --dim and --input-shape");
        total += bytes[i];
      }
    };
    add(graph_.tensor_bytes, graph_.tensor_names);
    add(graph_.param_bytes, graph_.param_names);
  }

  // Folded nodes follow their first consumer, dead ones the producer of their first input that has one.
  void follow_ops() {
    auto& op_of_node = built_.op_of_node;
    for (auto node = main_.order.rbegin(); node != main_.order.rend(); ++node) {
      if (op_of_node[*node] == kNone) continue;
      for_each_read(*node, [&](ir::ValueId value) {
        const ir::NodeId producer = values_.values[value].producer;
        if (producer != ir::kNone && role_[producer] == Role::folded) op_of_node[producer] = op_of_node[*node];
      });
    }
    for (const ir::NodeId node : built_.dead) {
      for_each_read(node, [&](ir::ValueId value) {
        const ir::NodeId producer = values_.values[value].producer;
        if (producer != ir::kNone && op_of_node[node] == kNone) op_of_node[node] = op_of_node[producer];
      });
    }
  }

  const PlanningModel& planning_;
  const ir::Values& values_;
  const ir::Values::GraphRef& main_;
  Built built_;
  OpGraph& graph_ = built_.graph;
  std::vector<Role> role_;  // by main-graph node
  std::vector<TensorId>& tensor_of_value_ = built_.tensor_of_value;
  std::vector<ParamId>& param_of_value_ = built_.param_of_value;
};

}  // namespace

Built build(const PlanningModel& planning, const BuildOptions& options) {
  Built built = Builder(planning).build();
  if (options.fuse) built.fusion = fuse(planning, built.graph);
  colocate(built.graph, planning, options, built.fusion.main_of);
  shrink_to_fit(built.graph);
  return built;
}

}  // namespace allot::graph
