// SPDX-License-Identifier: Apache-2.0
// Elements read by their positions.
#include <ATen/ops/arange.h>
#include <ATen/ops/embedding.h>
#include <ATen/ops/empty.h>

#include "exec/check.h"
#include "exec/movable.h"
#include "exec/ops/index.h"
#include "exec/registry.h"

namespace allot::exec {
namespace {

at::Tensor pick(const at::Tensor& x, int64_t axis, const at::Tensor& indices) {
  if (!at::isIntegralType(indices.scalar_type(), false)) malformed("the indices are no integers");
  const at::Tensor index = front_index(indices, x.size(axis));
  if (index.dim() == 0 && index.is_cpu()) return x.select(axis, index.item<int64_t>());
  if (axis == 0 && x.dim() == 2 && x.is_floating_point()) return at::embedding(x, index);
  const at::Tensor rows = x.index_select(axis, index.reshape({-1}));
  if (index.dim() == 1) return rows;
  auto dims = x.sizes().vec();
  const auto place = dims.erase(dims.begin() + axis);
  dims.insert(place, index.sizes().begin(), index.sizes().end());
  return rows.reshape(dims);
}

Kernel make_gather(const Site& site) {
  return [axis = site.int_or("axis", 0)](Call& call) {
    const Movable x(call.value(0));
    call.set(0, x.back(pick(x.tensor(), front_axis(axis, x.tensor().dim()), call.in(1))));
  };
}

Kernel make_gather_elements(const Site& site) {
  return [axis = site.int_or("axis", 0)](Call& call) {
    const Movable x(call.value(0));
    const int64_t along = front_axis(axis, x.tensor().dim());
    call.set(0, x.back(x.tensor().gather(along, front_index(call.in(1), x.tensor().size(along)))));
  };
}

// The first `batch_dims` axes of both are walked together; the last axis of the indices holds coordinates.
at::Tensor gather_nd(const at::Tensor& x, const at::Tensor& indices, int64_t batch_dims) {
  const int64_t depth = indices.dim() > 0 ? indices.size(-1) : 0;
  if (depth < 1 || batch_dims < 0 || batch_dims >= indices.dim() || batch_dims + depth > x.dim())
    malformed("indices of rank {} hold {} coordinates for rank {} with {} batch axes", indices.dim(), depth, x.dim(),
              batch_dims);
  const auto split = static_cast<size_t>(batch_dims);
  const auto batch_sizes = x.sizes().slice(0, split);
  if (batch_sizes != indices.sizes().slice(0, split)) malformed("data and indices differ in their batch axes");
  const int64_t batch = c10::multiply_integers(batch_sizes);
  std::vector<int64_t> data_dims = {batch}, index_dims = {batch}, item_dims = {batch};
  for (const int64_t n : x.sizes().slice(split)) data_dims.push_back(n);
  for (const int64_t n : indices.sizes().slice(split)) index_dims.push_back(n);
  item_dims.resize(index_dims.size() - 1, 1);

  const at::Tensor data = x.reshape(data_dims), places = indices.reshape(index_dims);
  c10::List<std::optional<at::Tensor>> coordinates;
  coordinates.push_back(at::arange(batch, places.options().dtype(at::kLong)).reshape(item_dims));
  for (int64_t i = 0; i < depth; ++i) coordinates.push_back(front_index(places.select(-1, i), data.size(1 + i)));
  std::vector<int64_t> dims(indices.sizes().begin(), indices.sizes().end() - 1);
  for (const int64_t n : x.sizes().slice(split + static_cast<size_t>(depth))) dims.push_back(n);
  return data.index(coordinates).reshape(dims);
}

Kernel make_gather_nd(const Site& site) {
  return [batch_dims = site.int_or("batch_dims", 0)](Call& call) {
    const Movable x(call.value(0));
    call.set(0, x.back(gather_nd(x.tensor(), call.in(1), batch_dims)));
  };
}

// Positions along the axis, or of the flattened tensor, where the condition holds; it may be shorter.
Kernel make_compress(const Site& site) {
  return [axis = site.int_or("axis", 0), flattens = !site.has("axis")](Call& call) {
    const Movable x(call.value(0));
    const at::Tensor data = flattens ? x.tensor().reshape({-1}) : x.tensor();
    const at::Tensor chosen = call.in(1).reshape({-1}).nonzero().squeeze(1);
    const int64_t along = front_axis(axis, data.dim());
    call.set(0, x.back(data.index_select(along, front_index(chosen, data.size(along)))));
  };
}

// One column an element, where torch has one row.
Kernel make_nonzero(const Site&) {
  return [](Call& call) {
    if (!call.value(0).is_strings())
      return call.set(0, Movable(call.value(0)).tensor().nonzero().transpose(0, 1).contiguous());
    const auto& strings = call.value(0).strings();
    const at::Tensor filled = at::empty(static_cast<int64_t>(strings.data.size()), at::kBool);
    for (size_t i = 0; i < strings.data.size(); ++i) filled.mutable_data_ptr<bool>()[i] = !strings.data[i].empty();
    call.set(0, filled.reshape(strings.dims).nonzero().transpose(0, 1).contiguous());
  };
}

constexpr Operator kOperators[] = {
    {"Compress", make_compress},
    {"Gather", make_gather},
    {"GatherElements", make_gather_elements},
    {"GatherND", make_gather_nd},
    {"NonZero", make_nonzero, Gradient::zero},
};

}  // namespace

std::span<const Operator> gather_operators() { return kOperators; }

}  // namespace allot::exec
