// SPDX-License-Identifier: Apache-2.0
// Trained weights back into the model they came from.
#pragma once

#include "exec/program.h"
#include "ir/model.h"

namespace allot::exec {

/// What was written.
struct WrittenBack {
  size_t tensors = 0;   // whose bytes changed
  double rounding = 0;  // largest error made by rounding a float32 master to a half-precision file
};

/// Replaces the elements of trained weights, their tied copies and updated statistics, and nothing else: names, shapes,
/// types, node order and external-data layout stay. A tensor whose bytes did not change is not touched, so no training
/// gives the same file. A BatchNormalization with training_mode = 1 gets 0 and loses its outputs 1 and 2 when
/// `program` updated its statistics. Source: specification of mpl-train, 7.7.
/// Errors: internal when the model is not the one that `program` was compiled from.
WrittenBack write_back(const Program& program, ir::Model& model);

}  // namespace allot::exec
