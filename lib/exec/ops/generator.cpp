// SPDX-License-Identifier: Apache-2.0
// Tensors out of nothing but a shape or a few numbers.
#include <cmath>

#include <ATen/TensorOperators.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/zeros.h>

#include "exec/check.h"
#include "exec/dtype.h"
#include "exec/movable.h"
#include "exec/registry.h"

namespace allot::exec {
namespace {

Kernel make_constant_of_shape(const Site& site) {
  const Value value = site.has("value") ? site.tensor("value") : Value(at::zeros({1}, at::kFloat));
  if (!value.is_tensor() || value.tensor().numel() != 1) malformed("attribute 'value' must be one number");
  return [value, shape = IntList(site, "", 0)](Call& call) {
    const auto dims = shape(call);
    if (!dims) malformed("it has no shape");
    const Movable one(value);
    call.set(0, one.back(one.tensor().reshape({}).expand(*dims).contiguous()));
  };
}

at::Scalar only_element(const at::Tensor& x) {
  if (x.numel() != 1) malformed("start, limit and delta must be one number each");
  return x.item();
}

// Elements are start + i * delta, not sums of deltas.
at::Tensor range(const at::Tensor& start, const at::Tensor& limit, const at::Tensor& delta, at::ScalarType compute) {
  const at::ScalarType type = start.scalar_type();
  const at::Scalar from = only_element(start), to = only_element(limit), by = only_element(delta);
  if (by.toDouble() == 0) malformed("delta is 0");
  if (!at::isFloatingType(type)) {
    const int64_t first = from.toLong(), last = to.toLong(), step = by.toLong();
    const bool is_empty = step > 0 ? first >= last : first <= last;
    return at::arange(first, is_empty ? first : last, step, at::TensorOptions().dtype(type));
  }
  const double count = std::max(std::ceil((to.toDouble() - from.toDouble()) / by.toDouble()), 0.0);
  if (!(count < 0x1.0p53)) malformed("it has no end");
  const at::Tensor index = at::arange(static_cast<int64_t>(count), at::TensorOptions().dtype(at::kLong)).to(compute);
  return (start.reshape({}).to(compute) + index * delta.reshape({}).to(compute)).to(type);
}

Kernel make_range(const Site& site) {
  return [stash = scalar_type(site.type_or("stash_type", ir::DataType::float32))](Call& call) {
    const at::ScalarType type = call.in(0).scalar_type();
    const bool is_half = type == at::kHalf || type == at::kBFloat16;
    call.set(0, range(call.in(0), call.in(1), call.in(2), is_half ? stash : type).to(call.in(0).device()));
  };
}

Kernel make_eye_like(const Site& site) {
  const bool is_given = site.has("dtype");
  const at::ScalarType given = scalar_type(site.type_or("dtype", ir::DataType::float32));
  return [is_given, given, k = site.int_or("k", 0)](Call& call) {
    const at::Tensor& x = call.in(0);
    if (x.dim() != 2) malformed("needs a matrix, but its rank is {}", x.dim());
    const auto integers = x.options().dtype(at::kLong);
    const at::Tensor rows = at::arange(x.size(0), integers).unsqueeze(1), columns = at::arange(x.size(1), integers);
    call.set(0, (columns - rows == k).to(is_given ? given : x.scalar_type()));
  };
}

constexpr Operator kOperators[] = {
    {"ConstantOfShape", make_constant_of_shape, Gradient::zero},
    {"EyeLike", make_eye_like, Gradient::zero},
    {"Range", make_range, Gradient::zero},
};

}  // namespace

std::span<const Operator> generator_operators() { return kOperators; }

}  // namespace allot::exec
