// SPDX-License-Identifier: Apache-2.0
#include "cost/ops/formulas.h"

#include "cost/weights.h"

namespace allot::cost::ops {
namespace {

struct Sizes {
  double steps = 0, batch = 0, input = 0, hidden = 0, directions = 0;
  double cells() const { return directions * steps * batch * hidden; }
};

// X [T, B, I] ([B, T, I] with layout 1), W [directions, ...].
Sizes sizes(const Context& c) {
  const auto& x = c.in(0);
  const bool batch_first = c.node().int_or("layout", 0) == 1;
  const double directions = dim(c.in(1), 0);
  const auto hidden = static_cast<double>(c.node().int_or("hidden_size", 0));
  return {dim(x, batch_first ? 1 : 0), dim(x, batch_first ? 0 : 1), dim(x, 2), hidden > 0 ? hidden : dim(c.in(2), -1),
          directions};
}

// Weight of the i-th activation of a direction, by its attribute or the operator's default.
double gate(const Context& c, size_t i, double otherwise) {
  const ir::Attribute* names = c.node().find("activations");
  return names && i < names->strings.size() ? weight::activation(names->strings[i]) : otherwise;
}

// Weights count as read once: runtimes keep them near for all steps. X * W of all steps is formed up front.
void recur(const Context& c, OpCost& cost, double gates, double vector_per_cell) {
  const Sizes s = sizes(c);
  cost.mac_flops = s.cells() * 2 * gates * (s.input + s.hidden);
  cost.vector_ops = s.cells() * (vector_per_cell + (c.has_in(3) ? 2 * gates : 0));
  cost.workspace_bytes = to_bytes(bytes_of(c.in(0), s.cells() * gates));
}

}  // namespace

void lstm(const Context& c, OpCost& cost) {
  const double peepholes = c.has_in(7) ? 6 : 0;
  recur(c, cost, 4,
        3 * gate(c, 0, weight::kSigmoid) + gate(c, 1, weight::kTanh) + gate(c, 2, weight::kTanh) + 4 + peepholes);
}

void gru(const Context& c, OpCost& cost) {
  recur(c, cost, 3, 2 * gate(c, 0, weight::kSigmoid) + gate(c, 1, weight::kTanh) + 5);
}

void rnn(const Context& c, OpCost& cost) { recur(c, cost, 1, gate(c, 0, weight::kTanh)); }

}  // namespace allot::cost::ops
