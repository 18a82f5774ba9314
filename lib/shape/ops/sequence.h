// SPDX-License-Identifier: Apache-2.0
// Types of sequences, shared with control flow.
#pragma once

#include "shape/context.h"

namespace allot::shape {

/// Longer sequences are not followed element by element.
constexpr size_t kMaxSequence = 256;

/// The smallest shape that holds both, an upper bound where they differ; without rank when their ranks do.
ValueType enclosing(ValueType a, const ValueType& b);

/// An output that is a sequence of these elements.
void set_sequence_of(Context& c, size_t output, Sequence elements);

}  // namespace allot::shape
