// SPDX-License-Identifier: Apache-2.0
// What a network would train, and what about its file a user should know before.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "train/network.h"
#include "train/text_table.h"

namespace allot::train {

/// A row for each floating weight: name, type and shape, use, whether it is trained and decays, and the rule that
/// decided, or what cuts its gradient.
TextTable weight_table(const Network& network);

/// Numbers that training changes; tied copies count once.
int64_t trained_numbers(const Network& network);

/// One line each: where the logits are, an export's batch size that was freed, tied copies, half-precision weights,
/// normalisation that was folded into convolutions, and items that are not independent of others in their batch, which
/// runs of two items together and apart tell. Source: specification of mpl-train, 7.1 to 7.3.
std::vector<std::string> notices(const Network& network);

}  // namespace allot::train
