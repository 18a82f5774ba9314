// SPDX-License-Identifier: Apache-2.0
#include "cost/ops/formulas.h"

#include <algorithm>

#include "cost/weights.h"

namespace allot::cost::ops {

// Broadcast inputs are read once, at their own size.
void elementwise(const Context& c, OpCost& cost) { cost.vector_ops = c.weight() * c.n_out(); }

void elementwise_of_input(const Context& c, OpCost& cost) { cost.vector_ops = c.weight() * c.n_in(); }

// Sum, Max ...: one operation for each input after the first; the row's weight is what follows for each output.
void variadic(const Context& c, OpCost& cost) {
  const double inputs = std::max<double>(static_cast<double>(c.num_inputs()), 1);
  cost.vector_ops = c.n_out() * (inputs - 1 + c.weight());
}

// A bias, if there is one, then the function of the row.
void bias_activation(const Context& c, OpCost& cost) {
  cost.vector_ops = c.n_out() * (c.weight() + (c.has_in(1) ? 1 : 0));
}

void cast(const Context& c, OpCost& cost) {
  if (c.in(0).elem == c.out(0).elem) return alias(c, cost);
  cost.vector_ops = c.n_out();
}

// Data, ratio, training mode: a mask is drawn and applied only when training is known to be on.
void dropout(const Context& c, OpCost& cost) {
  if (c.scalar(2).value_or(0) == 0) return alias(c, cost);
  constexpr double kRandom = 10, kApply = 2;
  cost.vector_ops = (kRandom + kApply) * c.n_in();
}

}  // namespace allot::cost::ops
