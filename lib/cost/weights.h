// SPDX-License-Identifier: Apache-2.0
// How many vector-unit operations one evaluation of a function counts for (onnx-and-cost 5.4).
#pragma once

#include "ir/model.h"

namespace allot::cost::weight {

constexpr double kDiv = 4, kSqrt = 6, kExp = 8, kLog = 10, kPow = 18, kTrig = 12, kTanh = 12, kErf = 12;
// Negate, exp, add, and a reciprocal that counts as one: the same figure for the operator and for the gates of RNNs.
constexpr double kSigmoid = kExp + 2;
constexpr double kSwish = kSigmoid + 1;
constexpr double kGelu = kErf + 4, kFastGelu = kTanh + 7, kQuickGelu = kExp + 3;

/// Of an activation named in an attribute ("Relu", "Tanh", "silu" ...), in any case; 1 if unknown, 0 for "".
double activation(ir::Str name);

}  // namespace allot::cost::weight
