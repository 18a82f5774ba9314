// SPDX-License-Identifier: Apache-2.0
#include "exec/fuse.h"

#include <algorithm>
#include <bit>
#include <cmath>

#include "exec/fuse_match.h"
#include "exec/segments.h"
#include "exec/weights.h"
#include "ir/builder.h"
#include "ir/payload.h"

namespace allot::exec {
namespace {

using Pattern = std::optional<Fusion> (*)(const Matcher&, ir::NodeId);
constexpr Pattern kPatterns[] = {match_linear,    match_attention,   match_layer_norm, match_erf_gelu,
                                 match_tanh_gelu, match_torch_gates, match_reordered};

}  // namespace

Matcher::Matcher(const ir::Model& model, const ir::Values& values, const std::vector<std::string>& kept)
    : model_(model), values_(values), uses_(values.values.size(), 0) {
  const auto pin = [&](ir::ValueId v) {
    if (v != ir::kNone) uses_[v] += 2;
  };
  for (ir::NodeId id = 0; id < values.nodes.size(); ++id)
    for (const ir::ValueId v : values.inputs[id])
      if (v != ir::kNone) uses_[v] += values.nodes[id].graph == 0 ? 1 : 2;
  for (const auto& graph : values.graphs)
    for (const ir::ValueId v : graph.outputs) pin(v);
  for (const std::string& name : kept) pin(values.find(name));
}

ir::ValueId Matcher::input(ir::NodeId id, size_t i) const {
  const auto inputs = values_.inputs[id];
  return i < inputs.size() ? inputs[i] : ir::kNone;
}

ir::NodeId Matcher::shared_maker(ir::ValueId value, std::string_view type) const {
  if (value == ir::kNone) return ir::kNone;
  const ir::NodeId producer = values_.values[value].producer;
  return producer != ir::kNone && values_.nodes[producer].graph == 0 && node(producer).is(type) ? producer : ir::kNone;
}

ir::NodeId Matcher::maker(ir::ValueId value, std::string_view type) const {
  return value != ir::kNone && uses_[value] == 1 ? shared_maker(value, type) : ir::kNone;
}

Matcher::Side Matcher::side(ir::NodeId id, std::string_view type) const {
  for (const size_t i : {0, 1})
    if (const ir::NodeId found = maker(input(id, i), type); found != ir::kNone) return {found, input(id, 1 - i)};
  return {};
}

const ir::Tensor* Matcher::stored(ir::ValueId value) const {
  if (value == ir::kNone) return nullptr;
  const bool is_default = values_.values[value].is_input && model_.ir_version >= 4;  // which a caller may replace
  return is_default ? nullptr : stored_tensor(values_, value);
}

const std::vector<int64_t>* Matcher::stored_dims(ir::ValueId value) const {
  const ir::Tensor* tensor = stored(value);
  return tensor ? &tensor->dims : nullptr;
}

std::optional<double> Matcher::number(ir::ValueId value) const {
  const ir::Tensor* tensor = stored(value);
  const auto numbers = tensor ? ir::read_doubles(model_, *tensor, 1) : std::nullopt;
  return numbers && numbers->size() == 1 ? std::optional(numbers->front()) : std::nullopt;
}

bool Matcher::is_number(ir::ValueId value, double wanted) const {
  const auto found = number(value);
  return found && std::abs(*found - wanted) <= 1e-3 * std::abs(wanted);  // exporters round to float16, too
}

std::optional<Matcher::Scaled> Matcher::scaled(ir::NodeId id) const {
  for (const size_t i : {0, 1})
    if (const auto found = number(input(id, i))) return Scaled{*found, input(id, 1 - i)};
  return std::nullopt;
}

ir::Node fused_node(const Matcher& matcher, ir::NodeId last, ir::Str type, std::initializer_list<ir::ValueId> inputs) {
  const ir::Node& original = matcher.node(last);
  ir::Node node;
  node.domain = kFusedDomain;
  node.op_type = type;
  node.name = original.name;
  node.outputs = original.outputs;
  node.metadata = original.metadata;  // where it comes from
  for (const ir::ValueId v : inputs) node.inputs.push_back(v == ir::kNone ? "" : matcher.name(v));
  return node;
}

void add_number(ir::Node& node, ir::Str attribute, double value) {
  node.attributes.push_back(ir::int_attribute(attribute, std::bit_cast<int64_t>(value)));
}

void fuse(Lowered& lowered, const std::vector<std::string>& kept, const std::vector<uint32_t>& parts) {
  ir::Model& model = lowered.model;
  const ir::Values values = ir::resolve(model);
  const auto part = [&](ir::NodeId id) { return part_of(parts, lowered.source(*values.nodes[id].node)); };
  const Matcher matcher(model, values, kept);
  const auto& order = values.graphs[0].order;
  std::vector<char> gone(model.graph.nodes.size(), false);
  std::vector<Fusion> found;
  // From the end: a group is found by its last node, before a smaller one inside it.
  for (auto id = order.rbegin(); id != order.rend(); ++id) {
    if (gone[values.nodes[*id].index]) continue;
    for (const Pattern pattern : kPatterns) {
      auto fusion = pattern(matcher, *id);
      if (!fusion) continue;
      const auto& nodes = fusion->nodes;
      const auto is_out = [&](ir::NodeId n) { return gone[values.nodes[n].index] != 0 || part(n) != part(*id); };
      if (std::any_of(nodes.begin(), nodes.end(), is_out)) continue;
      for (const ir::NodeId n : nodes) gone[values.nodes[n].index] = true;
      found.push_back(std::move(*fusion));
      break;
    }
  }
  if (found.empty()) return;
  for (Fusion& fusion : found) {
    const uint32_t place = values.nodes[fusion.last].index;
    model.graph.nodes[place] = std::move(fusion.node);
    gone[place] = false;
  }
  size_t i = 0;
  std::erase_if(model.graph.nodes, [&](const ir::Node&) { return gone[i++] != 0; });
  model.opset_imports.push_back({kFusedDomain, 1, {}});
}

}  // namespace allot::exec
