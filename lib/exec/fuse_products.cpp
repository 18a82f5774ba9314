// SPDX-License-Identifier: Apache-2.0
// Patterns around matrix products: linear layers and attention.
#include "exec/fuse_match.h"
#include "ir/builder.h"

namespace allot::exec {
namespace {

// softmax input <- [Add mask] <- [Mul or Div by a number] <- MatMul <- [Mul of either factor by a number]
struct Scores {
  ir::ValueId query = ir::kNone, key = ir::kNone;  // key: transposed already
  ir::ValueId mask = ir::kNone;
  double scale = 1;
  std::vector<ir::NodeId> nodes;
};

// What PyTorch's exporter scales before the product, by the root on either side.
ir::ValueId unscaled(const Matcher& m, ir::ValueId factor, Scores& scores) {
  const ir::NodeId scaling = m.maker(factor, "Mul");
  const auto by = scaling == ir::kNone ? std::nullopt : m.scaled(scaling);
  if (!by) return factor;
  scores.scale *= by->number;
  scores.nodes.push_back(scaling);
  return by->other;
}

std::optional<Scores> match_scaled_product(const Matcher& m, ir::ValueId value, ir::ValueId mask) {
  Scores scores;
  scores.mask = mask;
  for (const std::string_view type : {"Div", "Mul"}) {
    const ir::NodeId scaling = m.maker(value, type);
    if (scaling == ir::kNone) continue;
    const auto by = m.scaled(scaling);
    if (!by || (type == "Div" && (m.input(scaling, 0) != by->other || by->number == 0))) return std::nullopt;
    scores.scale = type == "Div" ? 1 / by->number : by->number;
    scores.nodes.push_back(scaling);
    value = by->other;
    break;
  }
  const ir::NodeId product = m.maker(value, "MatMul");
  if (product == ir::kNone) return std::nullopt;
  scores.nodes.push_back(product);
  scores.query = unscaled(m, m.input(product, 0), scores);
  scores.key = unscaled(m, m.input(product, 1), scores);
  return scores;
}

std::optional<Scores> match_scores(const Matcher& m, ir::ValueId value) {
  const ir::NodeId masking = m.maker(value, "Add");
  if (masking == ir::kNone) return match_scaled_product(m, value, ir::kNone);
  for (const size_t i : {0, 1})
    if (auto scores = match_scaled_product(m, m.input(masking, i), m.input(masking, 1 - i))) {
      scores->nodes.push_back(masking);
      return scores;
    }
  return std::nullopt;
}

}  // namespace

std::optional<Fusion> match_linear(const Matcher& m, ir::NodeId last) {
  if (!m.node(last).is("Add")) return std::nullopt;
  const auto side = m.side(last, "MatMul");
  if (side.maker == ir::kNone) return std::nullopt;
  const auto* bias = m.stored_dims(side.other);
  const auto* weight = m.stored_dims(m.input(side.maker, 1));
  if (!bias || !weight || bias->size() != 1 || weight->size() != 2 || bias->front() != weight->back())
    return std::nullopt;
  return Fusion{last,
                {last, side.maker},
                fused_node(m, last, "Linear", {m.input(side.maker, 0), m.input(side.maker, 1), side.other})};
}

// Softmax(scale * Q K^T + mask) V. The second factor of the first product is K already transposed.
std::optional<Fusion> match_attention(const Matcher& m, ir::NodeId last) {
  if (!m.node(last).is("MatMul")) return std::nullopt;
  const ir::NodeId softmax = m.maker(m.input(last, 0), "Softmax");
  // Written out, since the default differs between opsets.
  if (softmax == ir::kNone || m.node(softmax).int_or("axis", 0) != -1) return std::nullopt;
  auto scores = match_scores(m, m.input(softmax, 0));
  // Of two stored factors this is no attention.
  if (!scores || m.is_stored(scores->key) || m.is_stored(m.input(last, 1))) return std::nullopt;
  Fusion fusion{last, std::move(scores->nodes), {}};
  fusion.nodes.push_back(softmax);
  fusion.nodes.push_back(last);
  fusion.node = fused_node(m, last, "Attention", {scores->query, scores->key, m.input(last, 1), scores->mask});
  add_number(fusion.node, "scale", scores->scale);
  return fusion;
}

}  // namespace allot::exec
