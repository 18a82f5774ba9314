// SPDX-License-Identifier: Apache-2.0
// Operators of one tensor that have no attributes.
#pragma once

#include "exec/ops/unsigned.h"
#include "exec/registry.h"

namespace allot::exec {

/// The kernel of such an operator.
template <Unary function>
Kernel make_unary(const Site&) {
  return [](Call& call) { call.set(0, function(call.in(0))); };
}

}  // namespace allot::exec
