// SPDX-License-Identifier: Apache-2.0
#include "exec/ops/broadcast.h"

#include <ATen/autocast_mode.h>

#include "exec/check.h"
#include "exec/dtype.h"

namespace allot::exec {

at::Tensor aligned(const at::Tensor& a, const at::Tensor& b, int64_t axis) {
  const int64_t start = axis < 0 && b.dim() > 0 ? a.dim() - b.dim() : axis;
  if (b.dim() == 0) return b;
  if (start < 0 || start + b.dim() > a.dim())
    malformed("input 1 of {} dimensions cannot start at axis {} of {}", b.dim(), axis, a.dim());
  auto dims = b.sizes().vec();
  dims.resize(static_cast<size_t>(a.dim() - start), 1);
  return b.reshape(dims);
}

void check_same_type(const at::Tensor& a, const at::Tensor& b) {
  if (a.scalar_type() == b.scalar_type()) return;
  if (at::autocast::is_autocast_enabled(a.device().type())) return;  // which chooses types by itself
  throw base::Error(base::ErrorKind::malformed, "",
                    fmt::format("its inputs are of different types, {} and {}", ir::name(data_type(a.scalar_type())),
                                ir::name(data_type(b.scalar_type()))),
                    "insert a Cast");
}

}  // namespace allot::exec
