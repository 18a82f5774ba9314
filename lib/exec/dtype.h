// SPDX-License-Identifier: Apache-2.0
// ONNX element types beside those of torch.
#pragma once

#include <c10/core/ScalarType.h>

#include "ir/dtype.h"

namespace allot::exec {

/// The torch type that holds elements of `type`. Types of fewer than 8 bits have none of their own and are held
/// widened: int4, int2 as Char, uint4, uint2 as Byte, float4e2m1 as Float; see Value::dtype(). Errors: unavailable for
/// strings and undefined.
at::ScalarType scalar_type(ir::DataType type);

/// The ONNX type of a torch type. Errors: internal for types that ONNX does not have.
ir::DataType data_type(at::ScalarType type);

/// Whether torch holds `type` under another one.
bool is_widened(ir::DataType type);

}  // namespace allot::exec
