// SPDX-License-Identifier: Apache-2.0
// The same elements under another shape or in another order of axes.
#include <algorithm>
#include <numeric>

#include <ATen/ops/scalar_tensor.h>
#include <ATen/ops/tensor.h>

#include "exec/check.h"
#include "exec/movable.h"
#include "exec/registry.h"

namespace allot::exec {
namespace {

using Dims = std::vector<int64_t>;

Kernel make_identity(const Site&) {
  return [](Call& call) { call.set(0, call.value(0)); };
}

Kernel make_reshape(const Site& site) {
  return [shape = IntList(site, "shape", 1), zero_copies = site.int_or("allowzero", 0) == 0](Call& call) {
    const Movable x(call.value(0));
    auto dims = shape(call);
    if (!dims) malformed("it has no shape to change to");
    const auto rank = static_cast<size_t>(x.tensor().dim());
    for (size_t i = 0; zero_copies && i < dims->size(); ++i) {
      if ((*dims)[i] != 0) continue;
      if (i >= rank) malformed("dimension {} cannot be copied from an input of rank {}", i, rank);
      (*dims)[i] = x.tensor().sizes()[i];
    }
    call.set(0, x.back(x.tensor().reshape(*dims)));
  };
}

// Always two dimensions: all before the axis, all from it on.
Kernel make_flatten(const Site& site) {
  return [axis = site.int_or("axis", 1)](Call& call) {
    const Movable x(call.value(0));
    const auto sizes = x.tensor().sizes();
    const int64_t rank = x.tensor().dim();
    const int64_t split = axis < 0 ? axis + rank : axis;
    if (split < 0 || split > rank) malformed("axis {} does not exist: the rank is {}", axis, rank);
    const auto rows = sizes.slice(0, static_cast<size_t>(split)), columns = sizes.slice(static_cast<size_t>(split));
    call.set(0, x.back(x.tensor().reshape({c10::multiply_integers(rows), c10::multiply_integers(columns)})));
  };
}

Kernel make_transpose(const Site& site) {
  return [order = site.ints("perm"), is_given = site.has("perm")](Call& call) {
    const Movable x(call.value(0));
    if (is_given) return call.set(0, x.back(x.tensor().permute(order)));
    Dims backwards(static_cast<size_t>(x.tensor().dim()));
    std::iota(backwards.rbegin(), backwards.rend(), int64_t{0});
    call.set(0, x.back(x.tensor().permute(backwards)));
  };
}

Kernel make_squeeze(const Site& site) {
  return [axes = IntList(site, "axes", 1)](Call& call) {
    const Movable x(call.value(0));
    auto dims = axes(call);
    if (!dims) return call.set(0, x.back(x.tensor().squeeze()));
    for (int64_t& axis : *dims) {
      axis = front_axis(axis, x.tensor().dim());
      if (x.tensor().size(axis) != 1) malformed("axis {} has {} elements, not one", axis, x.tensor().size(axis));
    }
    call.set(0, x.back(x.tensor().squeeze(*dims)));
  };
}

Kernel make_unsqueeze(const Site& site) {
  return [axes = IntList(site, "axes", 1)](Call& call) {
    const Movable x(call.value(0));
    auto dims = axes(call);
    if (!dims) malformed("it has no axes");
    const int64_t rank = x.tensor().dim() + static_cast<int64_t>(dims->size());
    for (int64_t& axis : *dims) axis = front_axis(axis, rank);
    std::sort(dims->begin(), dims->end());
    if (std::adjacent_find(dims->begin(), dims->end()) != dims->end()) malformed("an axis is named twice");
    at::Tensor result = x.tensor();
    for (const int64_t axis : *dims) result = result.unsqueeze(axis);
    call.set(0, x.back(std::move(result)));
  };
}

// Either side may have ones where the other has more.
Kernel make_expand(const Site& site) {
  return [shape = IntList(site, "", 1)](Call& call) {
    const Movable x(call.value(0));
    auto dims = shape(call);
    if (!dims) malformed("it has no shape to grow to");
    const auto sizes = x.tensor().sizes();
    if (dims->size() < sizes.size()) dims->insert(dims->begin(), sizes.size() - dims->size(), 1);
    for (size_t i = 1; i <= sizes.size(); ++i)
      if (int64_t& dim = *(dims->end() - static_cast<int64_t>(i)); dim == 1) dim = sizes[sizes.size() - i];
    call.set(0, x.back(x.tensor().expand(*dims)));
  };
}

Kernel make_tile(const Site& site) {
  const bool is_single = site.opset() < 6;  // so many times along one axis
  return [is_single](Call& call) {
    const Movable x(call.value(0));
    Dims repeats;
    if (is_single) {
      repeats.assign(static_cast<size_t>(x.tensor().dim()), 1);
      const auto axis = front_axis(static_cast<int64_t>(call.number(2)), x.tensor().dim());
      repeats[static_cast<size_t>(axis)] = static_cast<int64_t>(call.number(1));
    } else {
      repeats = call.ints(1);
    }
    if (repeats.size() != static_cast<size_t>(x.tensor().dim()))
      malformed("{} repeats are given for rank {}", repeats.size(), x.tensor().dim());
    call.set(0, x.back(x.tensor().repeat(repeats)));
  };
}

int64_t block_size(const Site& site) {
  const int64_t size = site.int_or("blocksize", 0);
  if (size < 1) malformed("attribute 'blocksize' is {}", size);
  return size;
}

const at::Tensor& image(const Movable& x) {
  if (x.tensor().dim() != 4) malformed("needs an input of rank 4, but its rank is {}", x.tensor().dim());
  return x.tensor();
}

// Channels are [block row, block column, depth] in mode DCR, [depth, block row, block column] in mode CRD.
Kernel make_depth_to_space(const Site& site) {
  const auto mode = site.string_or("mode", "DCR");
  if (mode != "DCR" && mode != "CRD") malformed("attribute 'mode' is '{}'", base::printable(mode));
  return [block = block_size(site), depth_first = mode == "CRD"](Call& call) {
    const Movable moved(call.value(0));
    const at::Tensor& x = image(moved);
    const int64_t n = x.size(0), c = x.size(1) / block / block, h = x.size(2), w = x.size(3);
    const at::Tensor result = depth_first ? x.reshape({n, c, block, block, h, w}).permute({0, 1, 4, 2, 5, 3})
                                          : x.reshape({n, block, block, c, h, w}).permute({0, 3, 4, 1, 5, 2});
    call.set(0, moved.back(result.reshape({n, c, h * block, w * block})));
  };
}

Kernel make_space_to_depth(const Site& site) {
  return [block = block_size(site)](Call& call) {
    const Movable moved(call.value(0));
    const at::Tensor& x = image(moved);
    const int64_t n = x.size(0), c = x.size(1), h = x.size(2) / block, w = x.size(3) / block;
    const at::Tensor result = x.reshape({n, c, h, block, w, block}).permute({0, 3, 5, 1, 2, 4});
    call.set(0, moved.back(result.reshape({n, c * block * block, h, w})));
  };
}

Dims shape_of(const Call& call) {
  const Value& x = call.value(0);
  if (!x.is_tensor() && !x.is_strings()) malformed("needs a tensor, but gets {}", x.describe());
  return x.dims();
}

// Shapes stay on the CPU, whatever device the tensor is on.
Kernel make_shape(const Site& site) {
  return [start = site.int_or("start", 0), end = site.int_or("end", std::numeric_limits<int64_t>::max())](Call& call) {
    const Dims dims = shape_of(call);
    const auto rank = static_cast<int64_t>(dims.size());
    const int64_t first = std::clamp(start < 0 ? start + rank : start, int64_t{0}, rank);
    const int64_t last = std::clamp(end < 0 ? end + rank : end, first, rank);
    call.set(0, at::tensor(at::IntArrayRef(dims).slice(static_cast<size_t>(first), static_cast<size_t>(last - first)),
                           at::kLong));
  };
}

Kernel make_size(const Site&) {
  return [](Call& call) { call.set(0, at::scalar_tensor(c10::multiply_integers(shape_of(call)), at::kLong)); };
}

constexpr Operator kOperators[] = {
    {"DepthToSpace", make_depth_to_space},
    {"Expand", make_expand},
    {"Flatten", make_flatten},
    {"Identity", make_identity},
    {"Reshape", make_reshape},
    {"Shape", make_shape, Gradient::zero},
    {"Size", make_size, Gradient::zero},
    {"SpaceToDepth", make_space_to_depth},
    {"Squeeze", make_squeeze},
    {"Tile", make_tile},
    {"Transpose", make_transpose},
    {"Unsqueeze", make_unsqueeze},
};

}  // namespace

std::span<const Operator> reshape_operators() { return kOperators; }

}  // namespace allot::exec
