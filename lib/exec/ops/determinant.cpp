// SPDX-License-Identifier: Apache-2.0
// Determinants of square matrices.
#include <ATen/ops/linalg_det.h>

#include "exec/check.h"
#include "exec/registry.h"

namespace allot::exec {
namespace {

Kernel make_det(const Site&) {
  return [](Call& call) {
    const at::Tensor& x = call.in(0);
    if (x.dim() < 2 || x.size(-1) != x.size(-2))
      malformed("needs square matrices, but gets {}", call.value(0).describe());
    const bool is_half = c10::elementSize(x.scalar_type()) < 4;
    call.set(0, is_half ? at::linalg_det(x.to(at::kFloat)).to(x.scalar_type()) : at::linalg_det(x));
  };
}

constexpr Operator kOperators[] = {
    {"Det", make_det},
};

}  // namespace

std::span<const Operator> determinant_operators() { return kOperators; }

}  // namespace allot::exec
