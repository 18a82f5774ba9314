// SPDX-License-Identifier: Apache-2.0
// Gather and scatter in all their forms.
#include <algorithm>

#include "shape/fold.h"
#include "shape/registry.h"

namespace allot::shape {
namespace {

/// An index that may count from the end, or -1 when it is outside.
int64_t wrap(double index, int64_t size) {
  const int64_t at = saturate(index);
  const int64_t wrapped = at < 0 ? at + size : at;
  return wrapped < size ? std::max<int64_t>(wrapped, -1) : -1;
}

void gather(Context& c) {
  c.set_elem(0, c.elem(0));
  const Dims *data = c.dims(0), *indices = c.dims(1);
  if (!data || !indices) return;
  const auto found = c.axis(c.node().int_or("axis", 0), data->size());
  if (!found) return;
  const size_t axis = *found;
  Dims dims(data->begin(), data->begin() + static_cast<ptrdiff_t>(axis));
  dims.insert(dims.end(), indices->begin(), indices->end());
  dims.insert(dims.end(), data->begin() + static_cast<ptrdiff_t>(axis) + 1, data->end());
  c.set(0, c.elem(0), dims);
  if (!c.may_know(0) || !c.may_know(1) || !c.room_for(dims)) return;
  const auto* positions = c.content(1);
  if (!positions) return;
  const Dims data_strides = strides_of(*data), index_strides = strides_of(*indices);
  fold_move(c, dims, [&](const Dims& index) -> int64_t {
    int64_t which = 0, position = 0;
    for (size_t i = 0; i < indices->size(); ++i) which += index[axis + i] * index_strides[i];
    const int64_t at = wrap((*positions)[static_cast<size_t>(which)], (*data)[axis]);
    if (at < 0) return -1;
    for (size_t i = 0; i < data->size(); ++i) {
      if (i == axis)
        position += at * data_strides[i];
      else
        position += index[i < axis ? i : i + indices->size() - 1] * data_strides[i];
    }
    return position;
  });
}

void gather_elements(Context& c) {
  c.set_elem(0, c.elem(0));
  const Dims *data = c.dims(0), *indices = c.dims(1);
  if (!indices) return;
  c.set(0, c.elem(0), *indices);
  if (!data || data->size() != indices->size()) return;
  const auto axis = c.axis(c.node().int_or("axis", 0), data->size());
  if (!axis || !c.may_know(0) || !c.may_know(1)) return;
  const auto* positions = c.content(1);
  if (!positions) return;
  const Dims data_strides = strides_of(*data), index_strides = strides_of(*indices);
  fold_move(c, *indices, [&](const Dims& index) -> int64_t {
    int64_t which = 0, position = 0;
    for (size_t i = 0; i < index.size(); ++i) which += index[i] * index_strides[i];
    const int64_t at = wrap((*positions)[static_cast<size_t>(which)], (*data)[*axis]);
    if (at < 0) return -1;
    for (size_t i = 0; i < index.size(); ++i) {
      if (i != *axis && index[i] >= (*data)[i]) return -1;
      position += (i == *axis ? at : index[i]) * data_strides[i];
    }
    return position;
  });
}

void gather_nd(Context& c) {
  c.set_elem(0, c.elem(0));
  const Dims *data = c.dims(0), *indices = c.dims(1);
  if (!data || !indices) return;
  const int64_t batch = c.node().int_or("batch_dims", 0);
  if (indices->empty() || batch < 0 || batch >= static_cast<int64_t>(std::min(data->size(), indices->size())))
    return c.contradict("indices {} with {} batch dimensions into {}", to_string(*indices), batch, to_string(*data));
  const int64_t depth = indices->back();
  if (depth < 0 || depth > static_cast<int64_t>(data->size()) - batch)
    return c.contradict("indices of {} numbers into {}", depth, to_string(*data));
  Dims dims(indices->begin(), indices->end() - 1);
  dims.insert(dims.end(), data->begin() + batch + depth, data->end());
  c.set(0, c.elem(0), dims);
  const auto* positions = batch == 0 && c.may_know(0) && c.may_know(1) && c.room_for(dims) ? c.content(1) : nullptr;
  if (!positions) return;
  const Dims data_strides = strides_of(*data), index_strides = strides_of(*indices);
  fold_move(c, dims, [&](const Dims& index) -> int64_t {
    int64_t which = 0, position = 0;
    for (size_t i = 0; i + 1 < indices->size(); ++i) which += index[i] * index_strides[i];
    for (int64_t i = 0; i < depth; ++i) {
      const auto axis = static_cast<size_t>(i);
      const int64_t at = wrap((*positions)[static_cast<size_t>(which + i)], (*data)[axis]);
      if (at < 0) return -1;
      position += at * data_strides[axis];
    }
    for (size_t i = indices->size() - 1; i < index.size(); ++i)
      position += index[i] * data_strides[i - (indices->size() - 1) + static_cast<size_t>(depth)];
    return position;
  });
}

bool plain_scatter(Context& c) {
  return c.node().string_or("reduction", "none") == "none" && c.may_know(0) && c.may_know(1) && c.may_know(2) &&
         c.room_for(c.type(0).dims);
}

void scatter_elements(Context& c) {
  c.copy(0, 0);
  const Dims *data_dims = c.dims(0), *dims = c.dims(1), *update_dims = c.dims(2);
  if (!plain_scatter(c) || !data_dims || !dims || !update_dims || *dims != *update_dims ||
      dims->size() != data_dims->size())
    return;
  const auto axis = c.axis(c.node().int_or("axis", 0), data_dims->size());
  const auto *data = c.content(0), *positions = c.content(1), *updates = c.content(2);
  if (!axis || !data || !positions || !updates) return;
  std::vector<double> result = *data;
  const Dims strides = strides_of(*data_dims);
  Dims index(dims->size(), 0);
  for (size_t n = 0; n < updates->size(); ++n, next_index(index, *dims)) {
    int64_t position = 0;
    for (size_t i = 0; i < index.size(); ++i) {
      const int64_t at = i == *axis ? wrap((*positions)[n], (*data_dims)[i]) : index[i];
      if (at < 0 || at >= (*data_dims)[i]) return;
      position += at * strides[i];
    }
    result[static_cast<size_t>(position)] = (*updates)[n];
  }
  c.set_content(0, std::move(result));
}

void scatter_nd(Context& c) {
  c.copy(0, 0);
  const Dims *data_dims = c.dims(0), *dims = c.dims(1);
  if (!plain_scatter(c) || !data_dims || !dims || dims->empty()) return;
  const auto *data = c.content(0), *positions = c.content(1), *updates = c.content(2);
  const int64_t depth = dims->back();
  if (!data || !positions || !updates || depth < 1 || depth > static_cast<int64_t>(data_dims->size())) return;
  const Dims strides = strides_of(*data_dims);
  const int64_t block = product(std::span(*data_dims).subspan(static_cast<size_t>(depth))).value_or(0);
  const int64_t count = static_cast<int64_t>(positions->size()) / depth;
  if (checked_mul(count, block) != static_cast<int64_t>(updates->size())) return;
  std::vector<double> result = *data;
  for (int64_t n = 0; n < count; ++n) {
    int64_t start = 0;
    for (int64_t i = 0; i < depth; ++i) {
      const auto axis = static_cast<size_t>(i);
      const int64_t at = wrap((*positions)[static_cast<size_t>(n * depth + i)], (*data_dims)[axis]);
      if (at < 0) return;
      start += at * strides[axis];
    }
    std::copy_n(updates->begin() + n * block, block, result.begin() + start);
  }
  c.set_content(0, std::move(result));
}

void tensor_scatter(Context& c) { c.copy(0, 0); }

void one_hot(Context& c) {
  c.set_elem(0, c.elem(2));
  const Dims* indices = c.dims(0);
  const auto depth = c.integer(1);
  if (!indices || !depth) return;
  const auto axis = c.axis(c.node().int_or("axis", -1), indices->size() + 1);
  if (!axis) return;
  Dims dims = *indices;
  dims.insert(dims.begin() + static_cast<ptrdiff_t>(*axis), *depth);
  c.set(0, c.elem(2), std::move(dims));
}

constexpr Operator kOperators[] = {
    {"Gather", gather},        {"GatherElements", gather_elements}, {"GatherND", gather_nd},
    {"OneHot", one_hot},       {"Scatter", scatter_elements},       {"ScatterElements", scatter_elements},
    {"ScatterND", scatter_nd}, {"TensorScatter", tensor_scatter},
};

}  // namespace

std::span<const Operator> indexing_operators() { return kOperators; }

}  // namespace allot::shape
