// SPDX-License-Identifier: Apache-2.0
// Indices as ONNX means them: they may count from the back.
#pragma once

#include <ATen/core/Tensor.h>

namespace allot::exec {

/// `index` as int64, counted from the front of a dimension of `size` elements.
/// Errors: malformed for one out of [-size, size), on the CPU; elsewhere the kernel that uses it asserts.
at::Tensor front_index(const at::Tensor& index, int64_t size);

}  // namespace allot::exec
