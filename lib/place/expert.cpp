// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <string_view>
#include <unordered_map>

#include "place/blocks.h"
#include "place/methods.h"
#include "place/repair.h"

namespace allot::place {
namespace {

constexpr uint32_t kLayersPerDevice = 4;  // fewer leave the blocks uneven
constexpr uint32_t kDeepest = 16;         // scopes that nest deeper are not layers

/// The first `depth` components of a node's name, without the last one, which is the node's own: "/enc/layer.3/MatMul"
/// has "/enc/layer.3" for depths of 2 and more.
std::string_view scope(std::string_view name, uint32_t depth) {
  const size_t own = name.rfind('/');
  if (own == std::string_view::npos) return {};
  size_t end = name.starts_with('/') ? 0 : std::string_view::npos;
  for (; depth > 0 && end != own; --depth) end = name.find('/', end + 1);
  return name.substr(0, end);
}

/// Units by label, the labels in order of their first unit; units stay in order.
base::Csr<UnitId> group_by(const std::vector<uint32_t>& label, uint32_t labels) {
  base::Csr<uint32_t> units_of;
  for (const uint32_t each : label) units_of.add_row(std::span(&each, 1));
  return base::transpose(units_of, labels);
}

base::Csr<UnitId> by_scope(const graph::OpGraph& graph, uint32_t depth) {
  std::unordered_map<std::string_view, uint32_t> labels;
  std::vector<uint32_t> label(graph.num_units());
  for (UnitId unit = 0; unit < label.size(); ++unit) {
    const std::string_view name = scope(graph.op_names[graph.members[unit].front()], depth);
    label[unit] = labels.try_emplace(name, static_cast<uint32_t>(labels.size())).first->second;
  }
  return group_by(label, static_cast<uint32_t>(labels.size()));
}

/// A group ends before each recurrent layer but the first: what comes before goes with the first layer, what follows a
/// layer with it. Empty without two layers.
base::Csr<UnitId> by_recurrent_layer(const graph::OpGraph& graph) {
  const auto recurrent = [&](OpId op) {
    const std::string& type = graph.type_names[graph.type[op]];
    return type == "LSTM" || type == "GRU" || type == "RNN";
  };
  std::vector<uint32_t> label(graph.num_units());
  uint32_t layers = 0;
  for (UnitId unit = 0; unit < label.size(); ++unit) {
    const auto members = graph.members[unit];
    layers += std::any_of(members.begin(), members.end(), recurrent);
    label[unit] = std::max(1u, layers) - 1;
  }
  return layers < 2 ? base::Csr<UnitId>{} : group_by(label, layers);
}

/// The layers that the names tell: the coarsest scopes of which there are enough.
base::Csr<UnitId> layers(const Problem& problem) {
  const auto& graph = problem.graph();
  base::Csr<UnitId> groups = by_recurrent_layer(graph);
  if (groups.rows() >= 2) return groups;
  for (uint32_t depth = 1; depth <= kDeepest && groups.rows() < kLayersPerDevice * problem.devices(); ++depth)
    groups = by_scope(graph, depth);
  return groups;
}

}  // namespace

UnitPlacement place_expert(const Problem& problem, const Budget& budget) {
  const base::Csr<UnitId> groups = layers(problem);
  if (groups.rows() < problem.devices()) return place_contiguous(problem, budget);  // the names tell nothing
  return repaired(problem, cut_into_blocks(problem, groups), budget);
}

}  // namespace allot::place
