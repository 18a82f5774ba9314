// SPDX-License-Identifier: Apache-2.0
// An optimiser's state in parts: of each tensor one rank keeps what is remembered, and tells the others what came of
// it.
#pragma once

#include <cstdint>
#include <vector>

#include "dist/team.h"
#include "nn/optimizer.h"

namespace allot::train {

/// Which of `ranks` owns each tensor: the largest are dealt first, each to the rank that has least so far. Depends on
/// sizes and order alone.
std::vector<uint32_t> deal_owners(const std::vector<nn::TrainedTensor>& tensors, uint32_t ranks);

/// All: every rank gets the owners' values of all tensors, in place, some at a time. `owners` are equal on all ranks.
/// Source: Rajbhandari et al., "ZeRO: memory optimizations toward training trillion parameter models", 2020,
/// section 5.1.
void share_owned(dist::Team& team, const std::vector<nn::TrainedTensor>& tensors, const std::vector<uint32_t>& owners);

/// All: the first rank gets the tensors of all, sent one by one; of a name that several have, those of the first that
/// has it. The others get none.
std::vector<nn::NamedTensor> on_first(dist::Team& team, std::vector<nn::NamedTensor> own);

}  // namespace allot::train
