// SPDX-License-Identifier: Apache-2.0
// Where a model's values come from and where they go, as all that looks for weights asks.
#pragma once

#include <vector>

#include "ir/values.h"

namespace allot::exec {

/// The tensor that a file stores for a value: an initializer's, or that of a Constant node's attribute `value`; nullptr
/// for values that are computed or spelled otherwise.
const ir::Tensor* stored_tensor(const ir::Values& values, ir::ValueId value);

/// By value, the nodes that read it, ascending; a node that reads it twice stands twice.
std::vector<std::vector<ir::NodeId>> users_of(const ir::Values& values);

}  // namespace allot::exec
