// SPDX-License-Identifier: Apache-2.0
// The tensors of an instance, from its problem.
#pragma once

#include <vector>

#include "policy/instance.h"

namespace allot::policy {

/// Fills everything of `instance` from `type` on; its elements and their neighbours are known. Times are taken relative
/// to the mean unit's and bytes as the time that they travel, so that what is learned on one machine serves others.
void describe(Instance& instance, const NetworkSettings& settings, const Vocabulary& vocabulary,
              const std::vector<std::vector<int64_t>>& tensor_dims);

}  // namespace allot::policy
