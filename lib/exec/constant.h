// SPDX-License-Identifier: Apache-2.0
// What a Constant node holds.
#pragma once

#include "exec/site.h"

namespace allot::exec {

/// The value of a Constant node, in any of its seven spellings (Constant-1 to -25).
/// Errors: malformed when it has none or its tensor is damaged.
Value load_constant(const Site& site);

}  // namespace allot::exec
