// SPDX-License-Identifier: Apache-2.0
// The reference: the gradient of a whole batch from one graph over it.
#pragma once

#include <cstdint>

#include "contrast/two_pass.h"

namespace allot::contrast {

/// What two_pass gives, with memory for the activations of all rows and for all similarities. One rank alone.
/// `wide_loss`: the loss and its gradient by embeddings are computed in float64, so that what is held against it is not
/// also held for its rounding; networks compute in their own type.
StepGradient whole_batch(const Towers& towers, const Batch& batch, const Temperature& temperature,
                         const LossOptions& loss, uint64_t seed, uint32_t step, bool wide_loss = false);

}  // namespace allot::contrast
