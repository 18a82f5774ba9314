// SPDX-License-Identifier: Apache-2.0
// Graph inputs get their shapes: from the file, from what the user fixed, or from the default.
#pragma once

#include "shape/state.h"

namespace allot::shape {

/// Sets the types of the main graph's inputs (those with an initializer keep the tensor's) and `state.symbols`.
/// Errors: see infer().
void bind_inputs(State& state, const Bindings& bindings);

/// The type that the file declares, with the symbols of graph inputs replaced by their values.
struct Declared {
  ValueType type;
  bool complete = false;  // all dimensions are numbers; else those open are -1
};
Declared declared_type(const State& state, const ir::Type& type);

/// Gives what is still open in `declared` the default and records the assumption for value `v`.
void assume_open_dims(State& state, Declared& declared, const ir::ValueInfo& info, int64_t value);

}  // namespace allot::shape
