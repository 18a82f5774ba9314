// SPDX-License-Identifier: Apache-2.0
// Weights to begin with.
#pragma once

#include <cstdint>

#include "train/network.h"

namespace allot::train {

/// Matrices and kernels uniform within sqrt(6 / (fan in + fan out)) of 0, by (seed, stream, role, place); what is 0
/// stays 0, since it was made so for a reason, and so does all else.
/// Source: Glorot, Bengio, AISTATS 2010, equation 16.
void draw_glorot(const Network& network, uint64_t seed, uint32_t stream, uint32_t role);

}  // namespace allot::train
