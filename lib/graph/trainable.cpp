// SPDX-License-Identifier: Apache-2.0
#include "graph/trainable.h"

#include <algorithm>
#include <numeric>

#include "base/error.h"
#include "base/name_pattern.h"
#include "graph/sets.h"

namespace allot::graph {
namespace {

bool several_floats(const shape::ValueType& type) { return ir::is_float(type.elem) && type.elements() > 1; }

// Operators that only show a weight in another form.
bool is_view(const ir::Node& node) {
  for (const auto type : {"Identity", "Transpose", "Reshape", "Flatten", "Squeeze", "Unsqueeze", "Cast"})
    if (node.is(type)) return true;
  return false;
}

struct Weights {
  std::vector<ir::ValueId> seen_through;  // by value: the weight that views show, or itself
  std::vector<char> stored;               // by value: computed from an initializer of several floats, or one itself
};

Weights find_weights(const Built& built, const PlanningModel& planning) {
  const auto& values = planning.values;
  Weights weights;
  weights.seen_through.resize(values.values.size());
  std::iota(weights.seen_through.begin(), weights.seen_through.end(), 0u);
  weights.stored.assign(values.values.size(), false);
  for (ir::ValueId v = 0; v < values.values.size(); ++v)
    weights.stored[v] = values.values[v].initializer && several_floats(planning.shapes.types[v]);
  for (const uint32_t node : built.folded) {
    const auto inputs = values.inputs[node];
    const bool stored =
        std::any_of(inputs.begin(), inputs.end(), [&](ir::ValueId v) { return v != ir::kNone && weights.stored[v]; });
    const bool view = is_view(*values.nodes[node].node) && !inputs.empty() && inputs[0] != ir::kNone;
    for (const ir::ValueId output : values.outputs[node]) {
      if (output == ir::kNone) continue;
      weights.stored[output] = stored;
      if (view) weights.seen_through[output] = weights.seen_through[inputs[0]];
    }
  }
  return weights;
}

// Some models store no weights and make them of nothing.
bool is_made(const PlanningModel& planning, ir::ValueId value) {
  const ir::NodeId producer = planning.values.values[value].producer;
  if (producer == ir::kNone) return false;
  const ir::Node& node = *planning.values.nodes[producer].node;
  return node.is("ConstantOfShape") || node.is("Constant");
}

class Patterns {
 public:
  explicit Patterns(const std::vector<std::string>& expressions) : expressions_(expressions) {
    for (const auto& expression : expressions) patterns_.emplace_back(expression);
    matched_.assign(patterns_.size(), false);
  }
  bool match(std::string_view name) {
    bool any = false;
    for (size_t i = 0; i < patterns_.size(); ++i) {
      if (!patterns_[i].matches(name)) continue;
      matched_[i] = true;
      any = true;
    }
    return any;
  }
  void require_all_matched() const {
    for (size_t i = 0; i < patterns_.size(); ++i)
      if (!matched_[i])
        throw base::Error(base::ErrorKind::config, fmt::format("frozen '{}'", base::printable(expressions_[i])),
                          "matches the name of no parameter", "compare it with the names of the model's initializers");
  }

 private:
  const std::vector<std::string>& expressions_;
  std::vector<base::NamePattern> patterns_;
  std::vector<char> matched_;
};

}  // namespace

Trainable find_trainable(const Built& built, const PlanningModel& planning, const std::vector<std::string>& frozen) {
  const uint32_t params = built.graph.num_params();
  Patterns patterns(frozen);
  Trainable result;
  result.group.assign(params, kNone);
  result.members.resize(params);
  result.element_bytes.assign(params, 4);
  Sets groups(params);
  const Weights weights = find_weights(built, planning);
  std::vector<ParamId> first(planning.values.values.size(), kNone);  // by weight: a parameter that shows it
  std::vector<char> trained(params, false);
  for (ir::ValueId value = 0; value < first.size(); ++value) {
    const ParamId param = built.param_of_value[value];
    if (param == kNone || !several_floats(planning.shapes.types[value])) continue;
    const ir::ValueId weight = weights.seen_through[value];
    const bool frozen_here = patterns.match(built.graph.param_names[param]);
    const bool frozen_there = patterns.match(planning.values.values[weight].name);
    if (frozen_here || frozen_there || !(weights.stored[weight] || is_made(planning, weight))) continue;
    trained[param] = true;
    result.element_bytes[param] = std::max(1, ir::bits(planning.shapes.types[value].elem) / 8);
    if (first[weight] == kNone) first[weight] = param;
    groups.unite(param, first[weight]);
  }
  patterns.require_all_matched();
  for (ParamId param = 0; param < params; ++param) {
    if (!trained[param]) continue;
    result.group[param] = groups.find(param);
    result.members[result.group[param]].push_back(param);
  }
  return result;
}

}  // namespace allot::graph
