// SPDX-License-Identifier: Apache-2.0
#include "cost/ops/formulas.h"

namespace allot::cost::ops {

void work(const Context& c, OpCost& cost) { cost.mac_flops = c.node().float_or("flops", 0); }

}  // namespace allot::cost::ops
