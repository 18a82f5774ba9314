// SPDX-License-Identifier: Apache-2.0
// The largest, the distinct, the marked.
#include <algorithm>
#include <tuple>

#include <ATen/TensorOperators.h>
#include <ATen/ops/_unique2.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/full.h>
#include <ATen/ops/unique_dim.h>
#include <ATen/ops/where.h>

#include "exec/check.h"
#include "exec/movable.h"
#include "exec/ops/unsigned.h"
#include "exec/registry.h"

namespace allot::exec {
namespace {

Kernel make_one_hot(const Site& site) {
  return [axis = site.int_or("axis", -1)](Call& call) {
    const at::Tensor indices = call.in(0).to(at::kLong);
    const auto depth = static_cast<int64_t>(call.number(1));
    if (depth < 0) malformed("depth is {}", depth);
    const Movable values(call.value(2));
    if (values.tensor().numel() != 2) malformed("values must be two: off and on");
    const int64_t along = front_axis(axis, indices.dim() + 1);
    std::vector<int64_t> dims(static_cast<size_t>(indices.dim() - along) + 1, 1);
    dims[0] = depth;
    const at::Tensor classes = at::arange(depth, indices.options()).reshape(dims);
    const at::Tensor hit = at::where(indices < 0, indices + depth, indices).unsqueeze(along) == classes;
    const at::Tensor off_on = values.tensor().reshape({2});
    call.set(0, values.back(at::where(hit, off_on.select(0, 1), off_on.select(0, 0))));
  };
}

// torch's own topk does not say which of equal elements it takes.
Kernel make_topk(const Site& site) {
  const bool reads_k = site.opset() >= 10;
  return [axis = site.int_or("axis", -1), descends = site.int_or("largest", 1) != 0, k_attribute = site.int_or("k", 0),
          reads_k](Call& call) {
    const at::Tensor& x = call.in(0);
    const int64_t k = reads_k ? call.integer(1) : k_attribute;
    const int64_t along = front_axis(axis, x.dim());
    if (k < 0 || k > x.size(along)) malformed("k is {} where there are {} elements", k, x.size(along));
    const bool is_unsigned = is_wide_unsigned(x.scalar_type());
    const auto [values, indices] = (is_unsigned ? to_ordered(x) : x).sort(/*stable=*/true, along, descends);
    const at::Tensor top = values.narrow(along, 0, k);
    call.set(0, is_unsigned ? from_ordered(top, x.scalar_type()) : top);
    call.set(1, indices.narrow(along, 0, k));
  };
}

using ArgReduce = at::Tensor (*)(const at::Tensor&, int64_t axis, bool keepdims);

at::Tensor argmax(const at::Tensor& x, int64_t axis, bool keepdims) { return x.argmax(axis, keepdims); }
at::Tensor argmin(const at::Tensor& x, int64_t axis, bool keepdims) { return x.argmin(axis, keepdims); }

// torch gives the first of equal elements.
template <ArgReduce function>
Kernel make_arg(const Site& site) {
  return [axis = site.int_or("axis", 0), keepdims = site.int_or("keepdims", 1) != 0,
          is_last = site.int_or("select_last_index", 0) != 0](Call& call) {
    const at::Tensor x = is_wide_unsigned(call.in(0).scalar_type()) ? to_ordered(call.in(0)) : call.in(0);
    const int64_t along = front_axis(axis, x.dim());
    if (!is_last) return call.set(0, function(x, along, keepdims));
    call.set(0, x.size(along) - 1 - function(x.flip(along), along, keepdims));
  };
}

struct Distinct {
  at::Tensor values, first, inverse, counts;
};

Distinct find_distinct(const at::Tensor& x, std::optional<int64_t> axis) {
  auto [values, inverse, counts] =
      axis ? at::unique_dim(x, *axis, true, true, true) : at::_unique2(x, true, true, true);
  inverse = inverse.reshape({-1});
  const int64_t n = inverse.numel();
  const at::Tensor first = at::full({counts.numel()}, n, inverse.options())
                               .scatter_reduce(0, inverse, at::arange(n, inverse.options()), "amin");
  return {values, first, inverse, counts};
}

// From the order of values to the order in which they come first.
Distinct in_order_of_appearance(const Distinct& sorted, int64_t axis) {
  const at::Tensor order = sorted.first.argsort();
  const at::Tensor rank = at::empty_like(order).scatter(0, order, at::arange(order.numel(), order.options()));
  return {sorted.values.index_select(axis, order), sorted.first.index_select(0, order),
          rank.index_select(0, sorted.inverse), sorted.counts.index_select(0, order)};
}

// Strings are ranked: their positions among the distinct ones in order.
std::pair<Strings, at::Tensor> rank_strings(const Strings& strings) {
  std::vector<std::string> ordered = strings.data;
  std::sort(ordered.begin(), ordered.end());
  ordered.erase(std::unique(ordered.begin(), ordered.end()), ordered.end());
  const at::Tensor ranks = at::empty(static_cast<int64_t>(strings.data.size()), at::kLong);
  for (size_t i = 0; i < strings.data.size(); ++i)
    ranks.mutable_data_ptr<int64_t>()[i] =
        std::lower_bound(ordered.begin(), ordered.end(), strings.data[i]) - ordered.begin();
  const auto n = static_cast<int64_t>(ordered.size());
  return {Strings{std::move(ordered), {n}}, ranks.reshape(strings.dims)};
}

Kernel make_unique(const Site& site) {
  const std::optional<int64_t> axis = site.has("axis") ? std::optional(site.int_or("axis", 0)) : std::nullopt;
  return [axis, is_sorted = site.int_or("sorted", 1) != 0](Call& call) {
    const Value& value = call.value(0);
    Value names;
    at::Tensor x;
    if (value.is_strings()) {
      auto [ordered, ranks] = rank_strings(value.strings());
      names = Value(std::move(ordered));
      x = ranks;
    } else {
      x = is_wide_unsigned(call.in(0).scalar_type()) ? to_ordered(call.in(0)) : call.in(0);
    }
    if (!axis) x = x.reshape({-1});
    const int64_t along = front_axis(axis.value_or(0), x.dim());
    Distinct found = find_distinct(x, axis ? std::optional(along) : std::nullopt);
    if (!is_sorted) found = in_order_of_appearance(found, along);
    if (!names.absent()) {
      const Movable pool(names);
      call.set(0, pool.back(found.values));
    } else {
      const at::ScalarType type = call.in(0).scalar_type();
      call.set(0, is_wide_unsigned(type) ? from_ordered(found.values, type) : found.values);
    }
    call.set(1, found.first);
    call.set(2, found.inverse);
    call.set(3, found.counts);
  };
}

constexpr Operator kOperators[] = {
    {"ArgMax", make_arg<argmax>, Gradient::zero},
    {"ArgMin", make_arg<argmin>, Gradient::zero},
    {"OneHot", make_one_hot},
    {"TopK", make_topk},
    {"Unique", make_unique, Gradient::zero},
};

}  // namespace

std::span<const Operator> selection_operators() { return kOperators; }

}  // namespace allot::exec
