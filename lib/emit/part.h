// SPDX-License-Identifier: Apache-2.0
// One sub-model taken out of a model.
#pragma once

#include "emit/boundary.h"
#include "emit/segments.h"
#include "ir/model.h"

namespace allot::emit {

/// The nodes of `segment` as a model of its own that shares the storage of `model`: initializers, functions,
/// declarations and quantization annotations that its nodes use, directly or from bodies; opset imports, metadata and
/// IR version of the model. `values` is resolve(model).
/// Errors: unavailable when a value that comes from another segment, or goes to one, has no known element type.
ir::Model make_part(const ir::Model& model, const ir::Values& values, const Segment& segment,
                    const BoundaryTypes& types);

/// Makes `part` return `value`, a graph input or initializer that is a graph output, under the given free name.
void return_input(ir::Model& part, const ir::Values& values, ir::ValueId value, const std::string& name);

}  // namespace allot::emit
