// SPDX-License-Identifier: Apache-2.0
// Running sums and products.
#include <ATen/ops/cat.h>
#include <ATen/ops/full.h>

#include "exec/check.h"
#include "exec/ops/unsigned.h"
#include "exec/registry.h"

namespace allot::exec {
namespace {

using Accumulate = at::Tensor (*)(const at::Tensor& x, int64_t axis);

at::Tensor running_sum(const at::Tensor& x, int64_t axis) { return x.cumsum(axis, x.scalar_type()); }
at::Tensor running_product(const at::Tensor& x, int64_t axis) { return x.cumprod(axis, x.scalar_type()); }

// All but the last, behind what stands for nothing.
at::Tensor shifted(const at::Tensor& x, int64_t axis, int64_t nothing) {
  if (x.size(axis) == 0) return x;
  auto dims = x.sizes().vec();
  dims[static_cast<size_t>(axis)] = 1;
  return at::cat({at::full(dims, nothing, x.options()), x.narrow(axis, 0, x.size(axis) - 1)}, axis);
}

template <Accumulate function, int64_t kNothing>
Kernel make_cumulative(const Site& site) {
  return [excludes = site.int_or("exclusive", 0) != 0, is_backward = site.int_or("reverse", 0) != 0](Call& call) {
    const int64_t axis = front_axis(call.integer(1), call.in(0).dim());
    const at::ScalarType type = call.in(0).scalar_type();
    at::Tensor x = is_wide_unsigned(type) ? call.in(0).to(at::kLong) : call.in(0);
    if (is_backward) x = x.flip(axis);
    if (excludes) x = shifted(x, axis, kNothing);
    x = function(x, axis);
    call.set(0, (is_backward ? x.flip(axis) : x).to(type));
  };
}

constexpr Operator kOperators[] = {
    {"CumProd", make_cumulative<running_product, 1>},
    {"CumSum", make_cumulative<running_sum, 0>},
};

}  // namespace

std::span<const Operator> cumulative_operators() { return kOperators; }

}  // namespace allot::exec
