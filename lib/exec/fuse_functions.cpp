// SPDX-License-Identifier: Apache-2.0
// Functions that older exporters wrote node by node: layer normalisation and GELU.
#include <cmath>

#include "exec/fuse_match.h"
#include "ir/builder.h"

namespace allot::exec {
namespace {

bool over_last_axis(const ir::Node& mean) {
  const auto& axes = mean.ints("axes");
  return axes.size() == 1 && axes[0] == -1 && mean.int_or("keepdims", 1) == 1;
}

bool is_vector(const Matcher& m, ir::ValueId value) {
  const auto* dims = m.stored_dims(value);
  return dims && dims->size() == 1;
}

// The other factor when `id` multiplies something by `number`.
ir::ValueId times(const Matcher& m, ir::NodeId id, double number) {
  const auto found = m.scaled(id);
  return found && std::abs(found->number - number) <= 1e-3 * std::abs(number) ? found->other : ir::kNone;
}

}  // namespace

// scale * (x - mean) / sqrt(mean((x - mean)^2) + epsilon) + bias, with the difference computed once or twice.
std::optional<Fusion> match_layer_norm(const Matcher& m, ir::NodeId last) {
  if (!m.node(last).is("Add")) return std::nullopt;
  const auto scaled = m.side(last, "Mul");
  if (scaled.maker == ir::kNone) return std::nullopt;
  const auto normal = m.side(scaled.maker, "Div");
  if (normal.maker == ir::kNone || !is_vector(m, scaled.other) || !is_vector(m, normal.other)) return std::nullopt;
  const ir::NodeId root = m.maker(m.input(normal.maker, 1), "Sqrt");
  const ir::NodeId shifted = root == ir::kNone ? ir::kNone : m.maker(m.input(root, 0), "Add");
  const auto epsilon = shifted == ir::kNone ? std::nullopt : m.scaled(shifted);
  if (!epsilon) return std::nullopt;
  const ir::NodeId variance = m.maker(epsilon->other, "ReduceMean");
  if (variance == ir::kNone || !over_last_axis(m.node(variance))) return std::nullopt;
  const ir::NodeId square = m.maker(m.input(variance, 0), "Pow");
  if (square == ir::kNone || !m.is_number(m.input(square, 1), 2)) return std::nullopt;
  const ir::ValueId above = m.input(normal.maker, 0), below = m.input(square, 0);
  const ir::NodeId difference = m.shared_maker(above, "Sub"), again = m.shared_maker(below, "Sub");
  if (difference == ir::kNone || again == ir::kNone) return std::nullopt;
  const ir::ValueId x = m.input(difference, 0);
  const ir::NodeId mean = m.shared_maker(m.input(difference, 1), "ReduceMean");
  if (mean == ir::kNone || !over_last_axis(m.node(mean)) || m.input(mean, 0) != x) return std::nullopt;
  if (again != difference && (m.input(again, 0) != x || m.input(again, 1) != m.input(difference, 1)))
    return std::nullopt;
  // The differences and the mean stay where they are: nobody asks for them any more, so they are not computed.
  Fusion fusion{last, {last, scaled.maker, normal.maker, root, shifted, variance, square}, {}};
  fusion.node = fused_node(m, last, "LayerNorm", {x, normal.other, scaled.other});
  add_number(fusion.node, "epsilon", epsilon->number);
  return fusion;
}

// x * (erf(x / sqrt 2) + 1) * 0.5, the three factors in any order.
std::optional<Fusion> match_erf_gelu(const Matcher& m, ir::NodeId last) {
  if (!m.node(last).is("Mul")) return std::nullopt;
  for (const size_t half_first : {0, 1}) {
    // Either the half is the last factor, or it is on x: Mul(Mul(x, a), 0.5) or Mul(Mul(x, 0.5), a).
    const ir::ValueId rest = half_first ? ir::kNone : times(m, last, 0.5);
    const auto outer = half_first ? Matcher::Side{last, ir::kNone} : Matcher::Side{m.maker(rest, "Mul"), ir::kNone};
    if (outer.maker == ir::kNone) continue;
    const auto plus = m.side(outer.maker, "Add");
    if (plus.maker == ir::kNone) continue;
    const ir::ValueId erf_value = times(m, plus.maker, 1);
    const ir::NodeId erf = m.maker(erf_value, "Erf");
    if (erf == ir::kNone) continue;
    ir::NodeId scaling = m.maker(m.input(erf, 0), "Div");
    const bool divides = scaling != ir::kNone && m.is_number(m.input(scaling, 1), M_SQRT2);
    if (!divides) scaling = m.maker(m.input(erf, 0), "Mul");
    const ir::ValueId x = divides                ? m.input(scaling, 0)
                          : scaling == ir::kNone ? ir::kNone
                                                 : times(m, scaling, M_SQRT1_2);
    if (x == ir::kNone) continue;
    std::vector<ir::NodeId> nodes = {last, plus.maker, erf, scaling};
    ir::ValueId factor = plus.other;
    if (half_first) {
      const ir::NodeId half = m.maker(factor, "Mul");
      if (half == ir::kNone) continue;
      factor = times(m, half, 0.5);
      nodes.push_back(half);
    } else {
      nodes.push_back(outer.maker);
    }
    if (factor != x) continue;
    Fusion fusion{last, std::move(nodes), fused_node(m, last, "Gelu", {x})};
    fusion.node.attributes.push_back(ir::int_attribute("tanh", 0));
    return fusion;
  }
  return std::nullopt;
}

// 0.5 * x * (1 + tanh(sqrt(2 / pi) * (x + 0.044715 * x^3))): GPT-2's.
std::optional<Fusion> match_tanh_gelu(const Matcher& m, ir::NodeId last) {
  if (!m.node(last).is("Mul")) return std::nullopt;
  const auto plus = m.side(last, "Add");
  if (plus.maker == ir::kNone) return std::nullopt;
  const ir::NodeId half = m.maker(plus.other, "Mul");
  const ir::ValueId x = half == ir::kNone ? ir::kNone : times(m, half, 0.5);
  const ir::NodeId tanh = m.maker(times(m, plus.maker, 1), "Tanh");
  if (x == ir::kNone || tanh == ir::kNone) return std::nullopt;
  const ir::NodeId scaling = m.maker(m.input(tanh, 0), "Mul");
  const ir::NodeId sum = scaling == ir::kNone ? ir::kNone : m.maker(times(m, scaling, std::sqrt(2 / M_PI)), "Add");
  if (sum == ir::kNone) return std::nullopt;
  const auto cubic = m.side(sum, "Mul");
  if (cubic.maker == ir::kNone || cubic.other != x) return std::nullopt;
  const ir::NodeId cube = m.maker(times(m, cubic.maker, 0.044715), "Pow");
  if (cube == ir::kNone || m.input(cube, 0) != x || !m.is_number(m.input(cube, 1), 3)) return std::nullopt;
  Fusion fusion{
      last, {last, plus.maker, half, tanh, scaling, sum, cubic.maker, cube}, fused_node(m, last, "Gelu", {x})};
  fusion.node.attributes.push_back(ir::int_attribute("tanh", 1));
  return fusion;
}

}  // namespace allot::exec
