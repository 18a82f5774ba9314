// SPDX-License-Identifier: Apache-2.0
#include "shape/infer.h"

#include <limits>

#include "base/error.h"
#include "base/name_pattern.h"
#include "shape/bind.h"
#include "shape/engine.h"

namespace allot::shape {
namespace {

/// Hints by node. Errors: config for a pattern that is invalid or matches no node of `type`.
std::unordered_map<ir::NodeId, double> find_nodes(const ir::Values& values, ir::Str type,
                                                  const std::vector<Bindings::Hint>& hints) {
  std::unordered_map<ir::NodeId, double> found;
  for (const auto& [expression, value] : hints) {
    const base::NamePattern pattern(expression);
    bool matched = false;
    for (ir::NodeId id = 0; id < values.nodes.size(); ++id) {
      const ir::Node& node = *values.nodes[id].node;
      if (!node.is(type)) continue;
      if (!pattern.matches(node.name.empty() ? fmt::format("{}_{}", type, values.nodes[id].index)
                                             : std::string(node.name)))
        continue;
      matched = true;
      found.emplace(id, value);
    }
    if (!matched)
      throw base::Error(base::ErrorKind::config, fmt::format("pattern '{}'", base::printable(expression)),
                        fmt::format("matches the name of no {}", type), "compare it with the model's node names");
  }
  return found;
}

}  // namespace

int64_t ValueType::elements() const {
  if (!has_rank) return 0;
  return product(dims).value_or(std::numeric_limits<int64_t>::max());
}

int64_t ValueType::bytes() const {
  const bool tensor = kind == ir::Type::Kind::tensor || kind == ir::Type::Kind::sparse_tensor;
  return tensor ? ir::storage_bytes(elem, elements()) : 0;
}

Result infer(const ir::Model& model, const ir::Values& values, const Bindings& bindings) {
  State state(model, values);
  state.default_dim = bindings.default_dim;
  state.result.trip_counts = find_nodes(values, "Loop", bindings.trip_counts);
  state.result.then_shares = find_nodes(values, "If", bindings.then_shares);
  bind_inputs(state, bindings);
  infer_graph(state, 0);
  state.finish();
  return std::move(state.result);
}

}  // namespace allot::shape
