// SPDX-License-Identifier: Apache-2.0
#include "cost/ops/formulas.h"

#include <algorithm>
#include <cmath>

#include "cost/weights.h"

namespace allot::cost::ops {

void reduce(const Context& c, OpCost& cost) { cost.vector_ops = c.weight() * c.n_in(); }

void reduce_mean(const Context& c, OpCost& cost) { cost.vector_ops = c.weight() * c.n_in() + c.n_out(); }

void reduce_l2(const Context& c, OpCost& cost) { cost.vector_ops = c.weight() * c.n_in() + weight::kSqrt * c.n_out(); }

void reduce_log_sum(const Context& c, OpCost& cost) {
  cost.vector_ops = c.weight() * c.n_in() + weight::kLog * c.n_out();
}

// A heap of k for each row: k is the output's size along the axis, whether it came as attribute or input.
void top_k(const Context& c, OpCost& cost) {
  const double k = dim(c.out(0), c.node().int_or("axis", -1));
  cost.vector_ops = c.n_in() * std::ceil(std::log2(k + 1));
}

// By sorting.
void unique(const Context& c, OpCost& cost) { cost.vector_ops = c.n_in() * std::log2(std::max(c.n_in(), 1.0)); }

}  // namespace allot::cost::ops
