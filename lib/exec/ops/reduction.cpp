// SPDX-License-Identifier: Apache-2.0
// Sums, means, extremes and norms along axes.
#include <algorithm>
#include <limits>
#include <numeric>

#include <ATen/TensorOperators.h>
#include <ATen/ops/full.h>
#include <ATen/ops/linalg_vector_norm.h>

#include "exec/check.h"
#include "exec/ops/unsigned.h"
#include "exec/registry.h"

namespace allot::exec {
namespace {

using Axes = at::IntArrayRef;
using Reduce = at::Tensor (*)(const at::Tensor& x, Axes axes, bool keepdims);

// The same, through double for integers: their results are cut to integers again.
template <Reduce function>
at::Tensor through_double(const at::Tensor& x, Axes axes, bool keepdims) {
  if (x.is_floating_point()) return function(x, axes, keepdims);
  return function(x.to(at::kDouble), axes, keepdims).to(x.scalar_type());
}

at::Tensor sum(const at::Tensor& x, Axes axes, bool keepdims) { return x.sum(axes, keepdims, x.scalar_type()); }

at::Tensor mean(const at::Tensor& x, Axes axes, bool keepdims) { return x.mean(axes, keepdims); }

// torch multiplies along one axis at a time.
at::Tensor product(const at::Tensor& x, Axes axes, bool keepdims) {
  std::vector<int64_t> order = axes.vec();
  for (int64_t& axis : order) axis = front_axis(axis, x.dim());
  std::sort(order.rbegin(), order.rend());
  at::Tensor result = x;
  for (const int64_t axis : order) result = result.prod(axis, keepdims, x.scalar_type());
  return result;
}

at::Tensor l1(const at::Tensor& x, Axes axes, bool keepdims) { return sum(x.abs(), axes, keepdims); }

at::Tensor l2(const at::Tensor& x, Axes axes, bool keepdims) { return at::linalg_vector_norm(x, 2, axes, keepdims); }

at::Tensor log_sum(const at::Tensor& x, Axes axes, bool keepdims) { return sum(x, axes, keepdims).log(); }

at::Tensor log_sum_exp(const at::Tensor& x, Axes axes, bool keepdims) { return x.logsumexp(axes, keepdims); }

at::Tensor sum_of_squares(const at::Tensor& x, Axes axes, bool keepdims) { return sum(x * x, axes, keepdims); }

// The least or greatest element of a type: what the extreme of no elements is.
at::Scalar limit(at::ScalarType type, bool is_least) {
  const auto of = [is_least](auto zero) -> at::Scalar {
    using T = decltype(zero);
    return is_least ? std::numeric_limits<T>::lowest() : std::numeric_limits<T>::max();
  };
  switch (type) {
    case at::kBool:
      return !is_least;
    case at::kByte:
      return of(uint8_t{});
    case at::kChar:
      return of(int8_t{});
    case at::kShort:
      return of(int16_t{});
    case at::kInt:
      return of(int32_t{});
    case at::kLong:
      return of(int64_t{});
    default:
      return is_least ? -std::numeric_limits<double>::infinity() : std::numeric_limits<double>::infinity();
  }
}

// Equal extremes share the gradient.
template <bool is_max>
at::Tensor extreme(const at::Tensor& x, Axes axes, bool keepdims) {
  if (x.numel() > 0) return is_max ? x.amax(axes, keepdims) : x.amin(axes, keepdims);
  const at::Tensor shape = x.to(at::kBool).any(axes, keepdims);
  return at::full(shape.sizes(), limit(x.scalar_type(), is_max), x.options());
}

template <bool is_max>
at::Tensor extreme_of_any(const at::Tensor& x, Axes axes, bool keepdims) {
  if (!is_wide_unsigned(x.scalar_type())) return extreme<is_max>(x, axes, keepdims);
  return from_ordered(extreme<is_max>(to_ordered(x), axes, keepdims), x.scalar_type());
}

template <Reduce function>
at::Tensor of_any(const at::Tensor& x, Axes axes, bool keepdims) {
  if (!is_wide_unsigned(x.scalar_type())) return function(x, axes, keepdims);
  return function(x.to(at::kLong), axes, keepdims).to(x.scalar_type());
}

// No axes mean all, or none on request: then the function still sees every element, each alone.
template <Reduce function>
Kernel make_reduce(const Site& site) {
  return [axes = IntList(site, "axes", 1), keepdims = site.int_or("keepdims", 1) != 0,
          none_is_none = site.int_or("noop_with_empty_axes", 0) != 0](Call& call) {
    const at::Tensor& x = call.in(0);
    auto list = axes(call).value_or(std::vector<int64_t>());
    if (x.dim() == 0 || (list.empty() && none_is_none)) return call.set(0, function(x.unsqueeze(0), 0, false));
    if (list.empty()) {
      list.resize(static_cast<size_t>(x.dim()));
      std::iota(list.begin(), list.end(), int64_t{0});
    }
    call.set(0, function(x, list, keepdims));
  };
}

constexpr Operator kOperators[] = {
    {"ReduceL1", make_reduce<of_any<l1>>},
    {"ReduceL2", make_reduce<of_any<through_double<l2>>>},
    {"ReduceLogSum", make_reduce<of_any<through_double<log_sum>>>},
    {"ReduceLogSumExp", make_reduce<of_any<through_double<log_sum_exp>>>},
    {"ReduceMax", make_reduce<extreme_of_any<true>>},
    {"ReduceMean", make_reduce<of_any<through_double<mean>>>},
    {"ReduceMin", make_reduce<extreme_of_any<false>>},
    {"ReduceProd", make_reduce<of_any<product>>},
    {"ReduceSum", make_reduce<of_any<sum>>},
    {"ReduceSumSquare", make_reduce<of_any<sum_of_squares>>},
};

}  // namespace

std::span<const Operator> reduction_operators() { return kOperators; }

}  // namespace allot::exec
