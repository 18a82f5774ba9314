// SPDX-License-Identifier: Apache-2.0
#include "enas/supergraph.h"

#include <algorithm>
#include <set>

#include "base/error.h"

namespace allot::enas {
namespace {

using base::Error;
using base::ErrorKind;

constexpr const char* kJoinOperators[] = {"Sum", "Add", "Mean", "Max", "Min", "Concat"};

}  // namespace

Supergraph::Supergraph(std::shared_ptr<const ir::Model> model, Space space)
    : model_(std::move(model)), space_(std::move(space)), values_(ir::resolve(*model_)) {
  resolve_joins();
  for (size_t b = 0; b < space_.bindings.size(); ++b) check_alternatives(b);
  check_slices();
  for (size_t v = 0; v < space_.variables.size(); ++v)
    if (bindings_of_[v].empty())
      throw Error(ErrorKind::malformed, fmt::format("variable '{}'", base::printable(space_.variables[v].name)),
                  "is never bound", "bind a node to it, or take it out");
}

void Supergraph::refuse(size_t b, std::string_view what, std::string_view remedy) const {
  throw Error(ErrorKind::malformed, fmt::format("node '{}'", base::printable(space_.bindings[b].node)), what, remedy);
}

void Supergraph::resolve_joins() {
  std::unordered_map<std::string_view, std::vector<ir::NodeId>> by_name;
  for (ir::NodeId id = 0; id < values_.nodes.size(); ++id) by_name[values_.nodes[id].node->name].push_back(id);
  binding_of_.assign(values_.nodes.size(), ir::kNone);
  bindings_of_.resize(space_.variables.size());
  for (uint32_t b = 0; b < space_.bindings.size(); ++b) {
    const Binding& binding = space_.bindings[b];
    const auto found = by_name.find(binding.node);
    if (found == by_name.end() || binding.node.empty())
      refuse(b, "is bound, and the model has no such node", "name a node of the model");
    if (found->second.size() > 1) refuse(b, "is one of several of that name", "give bound nodes names of their own");
    const ir::NodeId id = found->second[0];
    const ir::Node& node = *values_.nodes[id].node;
    if (std::none_of(std::begin(kJoinOperators), std::end(kJoinOperators), [&](auto* type) { return node.is(type); }))
      refuse(b, fmt::format("is bound and a {}", base::printable(node.op_type)),
             "bind Sum, Add, Mean, Max, Min or Concat");
    if (binding_of_[id] != ir::kNone) refuse(b, "is bound twice", "bind a node to one variable");
    binding_of_[id] = b;
    joins_.push_back(id);
    std::vector<size_t> of;
    for (const std::string& name : binding.of) of.push_back(space_.find(name).value());
    of_.push_back(std::move(of));
    variable_of_.push_back(binding.loose_ends() ? 0 : space_.find(binding.variable).value());
    if (!binding.loose_ends()) bindings_of_[variable_of_.back()].push_back(b);
  }
}

void Supergraph::check_alternatives(size_t b) {
  const Binding& binding = space_.bindings[b];
  const auto inputs = static_cast<uint32_t>(values_.nodes[joins_[b]].node->inputs.size());
  std::vector<char> taken(inputs, false);
  for (const auto& alternative : binding.alternatives) {
    if (alternative.empty()) refuse(b, "has an alternative without inputs", "give each alternative its inputs");
    for (const uint32_t input : alternative) {
      if (input >= inputs)
        refuse(b, fmt::format("has no input {}", input), fmt::format("it has {}, counted from 0", inputs));
      if (std::exchange(taken[input], true))
        refuse(b, fmt::format("has alternatives that overlap: input {} is of two", input),
               "give each input to one alternative");
    }
  }
  for (const uint32_t input : binding.required)
    if (input >= inputs || taken[input])
      refuse(b, fmt::format("requires input {}, which it has not or which is of an alternative", input),
             "require other inputs");
  std::vector<uint32_t> fixed;
  for (uint32_t input = 0; input < inputs; ++input)
    if (!taken[input]) fixed.push_back(input);
  fixed_.push_back(std::move(fixed));
}

void Supergraph::check_slices() const {
  std::set<std::string> sliced;
  for (size_t b = 0; b < space_.bindings.size(); ++b)
    for (const Slice& slice : space_.bindings[b].slices) {
      const ir::ValueId value = values_.find(slice.tensor);
      const ir::Tensor* tensor = value == ir::kNone ? nullptr : values_.values[value].initializer;
      const std::string name = base::printable(slice.tensor);
      if (!tensor)
        refuse(b, fmt::format("slices '{}', which is not stored in the main graph", name), "name an initializer");
      const auto blocks = static_cast<int64_t>(space_.bindings[b].alternatives.size());
      if (slice.axis >= static_cast<int64_t>(tensor->dims.size()))
        refuse(b, fmt::format("slices axis {} of '{}', which has {}", slice.axis, name, tensor->dims.size()),
               "name an axis that the tensor has");
      const int64_t length = tensor->dims[static_cast<size_t>(slice.axis)];
      if (length != blocks * slice.block)
        refuse(b,
               fmt::format("slices axis {} of '{}' into {} blocks of {}, and it has {}", slice.axis, name, blocks,
                           slice.block, length),
               "let all alternatives together make up the axis");
      if (!fixed_[b].empty()) refuse(b, "slices a tensor and has inputs that always stay", "make alternatives of all");
      if (!sliced.insert(slice.tensor).second)
        refuse(b, fmt::format("slices '{}', which is sliced twice", name), "slice each tensor for one node");
      size_t uses = 0;
      for (ir::NodeId id = 0; id < values_.nodes.size(); ++id)
        for (const ir::ValueId input : values_.inputs[id]) uses += input == value;
      if (uses != 1)
        refuse(b, fmt::format("slices '{}', which {} nodes use", name, uses), "slice tensors that one node uses");
    }
}

void Supergraph::keep(size_t b, const Child& child, std::vector<uint32_t>& kept,
                      std::vector<uint32_t>& alternatives) const {
  const Binding& binding = space_.bindings[b];
  if (!binding.loose_ends()) {
    alternatives = child.assignment[variable_of_[b]];
  } else {
    std::set<std::string_view> chosen;
    for (const size_t v : of_[b])
      if (child.active_variables[v])
        for (const uint32_t i : child.assignment[v]) chosen.insert(space_.variables[v].place(i));
    alternatives.clear();
    for (uint32_t i = 0; i < binding.anchors.size(); ++i)
      if (!chosen.contains(binding.anchors[i])) alternatives.push_back(i);
  }
  kept = fixed_[b];
  for (const uint32_t i : alternatives)
    kept.insert(kept.end(), binding.alternatives[i].begin(), binding.alternatives[i].end());
  std::sort(kept.begin(), kept.end());
}

std::vector<char> Supergraph::reach(const std::vector<std::vector<uint32_t>>& kept) const {
  std::vector<char> active(values_.nodes.size(), false);
  std::vector<ir::ValueId> stack(values_.graphs[0].outputs.begin(), values_.graphs[0].outputs.end());
  while (!stack.empty()) {
    const ir::NodeId id = values_.values[stack.back()].producer;
    stack.pop_back();
    if (id == ir::kNone || active[id]) continue;
    active[id] = true;
    const auto inputs = values_.inputs[id];
    const auto push = [&](ir::ValueId value) {
      if (value != ir::kNone) stack.push_back(value);
    };
    if (binding_of_[id] != ir::kNone)
      for (const uint32_t input : kept[binding_of_[id]]) push(inputs[input]);
    else
      for (const ir::ValueId value : inputs) push(value);
    for (const ir::GraphId body : values_.bodies[id])
      for (const ir::ValueId value : values_.graphs[body].outputs) push(value);
  }
  return active;
}

Child Supergraph::child(Assignment assignment) const {
  ALLOT_ASSERT(assignment.size() == space_.variables.size());
  Child child;
  child.assignment = std::move(assignment);
  child.active_variables.assign(space_.variables.size(), true);
  child.kept.resize(joins_.size());
  child.alternatives.resize(joins_.size());
  // What is active decides which ends are loose, and these what is active: from all active on until nothing changes.
  for (size_t round = 0; round <= space_.variables.size(); ++round) {
    for (size_t b = 0; b < joins_.size(); ++b) keep(b, child, child.kept[b], child.alternatives[b]);
    child.active_nodes = reach(child.kept);
    std::vector<char> active(space_.variables.size(), false);
    for (size_t v = 0; v < active.size(); ++v)
      for (const uint32_t b : bindings_of_[v]) active[v] = active[v] || child.active_nodes[joins_[b]];
    if (active == child.active_variables) break;
    child.active_variables = std::move(active);
  }
  for (size_t b = 0; b < joins_.size(); ++b)
    if (child.kept[b].empty() && child.active_nodes[joins_[b]])
      refuse(b, space_.bindings[b].loose_ends() ? "has no loose ends" : "is left without inputs",
             "require an input, or let min be 1");
  child.name = text_of(space_, child.assignment, child.active_variables);
  return child;
}

}  // namespace allot::enas
