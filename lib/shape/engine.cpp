// SPDX-License-Identifier: Apache-2.0
#include "shape/engine.h"

#include <algorithm>

#include "base/error.h"
#include "shape/bind.h"
#include "shape/registry.h"

namespace allot::shape {
namespace {

constexpr int kMaxNesting = 64;

/// The bodies of an operator that is not known to have any: nothing is certain about them.
void infer_unknown_bodies(State& state, ir::NodeId id) {
  for (const ir::GraphId body : state.values.bodies[id]) {
    for (const ir::ValueId input : state.values.graphs[body].inputs) reconcile(state, input);
    infer_body(state, body, Entry::possible);
  }
}

/// An operator without rule: declared types where the file has them, else those of the first input.
void assume_like_first_input(Context& c) {
  const auto& node = c.node();
  const std::string op = fmt::format("{}{}{}", node.domain, node.domain.empty() ? "" : ".", node.op_type);
  c.state().warn_once(
      "no rule " + op, c.where(),
      fmt::format("{} has no shape rule: declared shapes are used, else that of its first input", base::printable(op)));
  for (size_t o = 0; o < c.outputs(); ++o) {
    if (!c.wants(o) || !c.has(0)) continue;
    const auto* info = c.state().values.values[c.output_id(o)].info;
    if (info && info->type.has_shape) continue;
    c.distrust(Trust::assumed);
    c.copy(o, 0);
  }
}

bool is_constant_node(const State& state, ir::NodeId id) {
  const auto constant = [&](ir::ValueId v) { return v == ir::kNone || state.result.constant[v]; };
  const auto inputs = state.values.inputs[id];
  if (!std::all_of(inputs.begin(), inputs.end(), constant)) return false;
  for (const ir::GraphId body : state.values.bodies[id]) {
    const auto& captured = state.values.graphs[body].captured;
    if (!std::all_of(captured.begin(), captured.end(), constant)) return false;
  }
  return true;
}

void infer_node(State& state, ir::NodeId id) {
  const ir::Node& node = *state.values.nodes[id].node;
  Context context(state, id);
  const uint64_t random_before = state.random_nodes;
  const Rule rule = find_rule(node.domain, node.op_type);
  if (rule) {
    rule(context);
  } else {
    assume_like_first_input(context);
    infer_unknown_bodies(state, id);
  }
  // An operator nobody knows may keep state or draw numbers, so its outputs never count as constants.
  const bool constant = rule && state.random_nodes == random_before && is_constant_node(state, id);
  for (const ir::ValueId v : state.values.outputs[id]) {
    if (v == ir::kNone) continue;
    reconcile(state, v);
    state.result.constant[v] = constant;
  }
}

void warn_of_difference(State& state, const ir::Values::Value& value, const ValueType& type) {
  const ir::Type& declared = value.info->type;
  const bool same_elem = declared.kind != ir::Type::Kind::tensor || declared.elem == ir::DataType::undefined ||
                         type.elem == ir::DataType::undefined || declared.elem == type.elem;
  bool same_dims = true;
  if (declared.has_shape && type.trust == Trust::inferred) {
    same_dims = declared.dims.size() == type.dims.size();
    for (size_t i = 0; same_dims && i < type.dims.size(); ++i)
      same_dims = declared.dims[i].value < 0 || declared.dims[i].value == type.dims[i];
  }
  if (same_elem && same_dims) return;
  state.warn(
      "value '" + base::printable(value.name) + "'",
      fmt::format("the file declares {}{}, inference gives {}{}", ir::name(declared.elem),
                  to_string(declared_type(state, declared).type.dims), ir::name(type.elem), to_string(type.dims)));
}

}  // namespace

void reconcile(State& state, ir::ValueId v) {
  const auto& value = state.values.values[v];
  if (!value.info || value.info->type.kind == ir::Type::Kind::none) return;
  ValueType& type = state.type(v);
  if (type.kind != ir::Type::Kind::none && type.kind != value.info->type.kind) return;
  if (type.has_rank && type.trust <= Trust::declared) return warn_of_difference(state, value, type);
  Declared declared = declared_type(state, value.info->type);
  if (type.kind == ir::Type::Kind::none) type.kind = declared.type.kind;
  if (type.elem == ir::DataType::undefined) type.elem = declared.type.elem;
  if (!declared.type.has_rank || declared.type.dims.size() > kMaxRank) return;
  if (!declared.complete) {
    if (type.has_rank) return;
    assume_open_dims(state, declared, *value.info, state.default_dim);
  }
  if (!countable(declared.type.dims) || (type.has_rank && type.trust <= declared.type.trust)) return;
  type.has_rank = true;
  type.dims = std::move(declared.type.dims);
  type.trust = declared.type.trust;
}

void infer_body(State& state, ir::GraphId body, Entry entry) {
  const bool certain = state.certain, silent = state.silent;
  const uint64_t random_nodes = state.random_nodes;
  state.certain = certain && entry == Entry::certain;
  state.silent = silent || entry == Entry::never;
  infer_graph(state, body);
  state.certain = certain;
  state.silent = silent;
  if (entry == Entry::never) state.random_nodes = random_nodes;
}

void set_body_input(State& state, ir::GraphId body, size_t i, ValueType type) {
  const auto& inputs = state.values.graphs[body].inputs;
  if (i >= inputs.size()) return;
  state.type(inputs[i]) = std::move(type);
  reconcile(state, inputs[i]);
}

void infer_graph(State& state, ir::GraphId graph) {
  if (++state.depth > kMaxNesting)
    throw base::Error(base::ErrorKind::malformed, "graph",
                      fmt::format("control flow nests deeper than {}", kMaxNesting), "flatten the model");
  for (const ir::NodeId id : state.values.graphs[graph].order) infer_node(state, id);
  --state.depth;
}

}  // namespace allot::shape
