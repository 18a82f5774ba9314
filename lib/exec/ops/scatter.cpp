// SPDX-License-Identifier: Apache-2.0
// Elements written by their positions, into a copy.
#include <algorithm>

#include <ATen/TensorOperators.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/zeros.h>

#include "exec/check.h"
#include "exec/movable.h"
#include "exec/ops/index.h"
#include "exec/ops/unsigned.h"
#include "exec/registry.h"

namespace allot::exec {
namespace {

using Dims = std::vector<int64_t>;

// torch's name of a reduction; empty for none.
std::string reduction(const Site& site) {
  const auto name = site.string_or("reduction", "none");
  if (name == "none") return "";
  if (name == "add") return "sum";
  if (name == "mul") return "prod";
  if (name == "max") return "amax";
  if (name == "min") return "amin";
  malformed("attribute 'reduction' is '{}'", base::printable(name));
}

at::Tensor scatter_reduce(const at::Tensor& x, int64_t axis, const at::Tensor& index, const at::Tensor& updates,
                          const std::string& how) {
  const at::ScalarType type = x.scalar_type();
  if (how == "sum" && !is_wide_unsigned(type)) return x.scatter_add(axis, index, updates);
  if (!is_wide_unsigned(type)) return x.scatter_reduce(axis, index, updates, how);
  if (how[0] != 'a') return x.to(at::kLong).scatter_reduce(axis, index, updates.to(at::kLong), how).to(type);
  return from_ordered(to_ordered(x).scatter_reduce(axis, index, to_ordered(updates), how), type);
}

// Two values of one type that are moved together.
Movable pair(const Call& call, size_t first, size_t second) {
  Movable both(call.value(first));
  both.add(call.value(second));
  return both;
}

Kernel make_scatter_elements(const Site& site) {
  return [axis = site.int_or("axis", 0), how = reduction(site)](Call& call) {
    const auto along = front_axis(axis, static_cast<int64_t>(call.value(0).dims().size()));
    const at::Tensor index = front_index(call.in(1), call.value(0).dims()[static_cast<size_t>(along)]);
    if (!how.empty()) return call.set(0, scatter_reduce(call.in(0), along, index, call.in(2), how));
    const Movable both = pair(call, 0, 2);
    call.set(0, both.back(both.tensor(0).scatter(along, index, both.tensor(1))));
  };
}

// Coordinates in the last axis of `indices` as positions among the slices of `x` that they choose.
at::Tensor slice_numbers(const at::Tensor& indices, at::IntArrayRef dims) {
  at::Tensor number =
      at::zeros(indices.sizes().slice(0, static_cast<size_t>(indices.dim()) - 1), indices.options().dtype(at::kLong));
  for (size_t i = 0; i < dims.size(); ++i)
    number = number * dims[i] + front_index(indices.select(-1, static_cast<int64_t>(i)), dims[i]);
  return number.reshape({-1});
}

Kernel make_scatter_nd(const Site& site) {
  return [how = reduction(site)](Call& call) {
    const Movable both = pair(call, 0, 2);
    const at::Tensor& x = both.tensor(0);
    const at::Tensor& indices = call.in(1);
    const int64_t depth = indices.dim() > 0 ? indices.size(-1) : 0;
    if (depth < 1 || depth > x.dim()) malformed("indices hold {} coordinates for rank {}", depth, x.dim());
    const auto chosen = x.sizes().slice(0, static_cast<size_t>(depth)), rest = x.sizes().slice(chosen.size());
    Dims update_dims(indices.sizes().begin(), indices.sizes().end() - 1);
    update_dims.insert(update_dims.end(), rest.begin(), rest.end());
    if (both.tensor(1).sizes() != at::IntArrayRef(update_dims)) malformed("the shape of the updates does not fit");
    const at::Tensor numbers = slice_numbers(indices, chosen);
    const Dims rows = {c10::multiply_integers(chosen), c10::multiply_integers(rest)};
    const Dims slices = {numbers.numel(), rows[1]};
    if (how.empty())
      return call.set(
          0, both.back(x.reshape(rows).index_put({numbers}, both.tensor(1).reshape(slices)).reshape(x.sizes())));
    const at::Tensor result = scatter_reduce(call.in(0).reshape(rows), 0, numbers.unsqueeze(1).expand(slices),
                                             call.in(2).reshape(slices), how);
    call.set(0, result.reshape(x.sizes()));
  };
}

// Writes a run of steps into a cache, for each item of the batch at a place of its own.
Kernel make_tensor_scatter(const Site& site) {
  const auto mode = site.string_or("mode", "linear");
  if (mode != "linear" && mode != "circular") malformed("attribute 'mode' is '{}'", base::printable(mode));
  return [axis = site.int_or("axis", -2), wraps = mode == "circular"](Call& call) {
    const Movable both = pair(call, 0, 1);
    const at::Tensor &cache = both.tensor(0), &update = both.tensor(1);
    const int64_t along = front_axis(axis, cache.dim());
    if (along == 0 || update.dim() != cache.dim()) malformed("cache, update and axis do not fit");
    at::Tensor places = at::arange(update.size(along), cache.options().dtype(at::kLong)).unsqueeze(0);
    if (call.has(2)) places = call.in(2).reshape({-1, 1}) + places;
    places = wraps ? places.remainder(cache.size(along)) : front_index(places, cache.size(along));
    Dims dims(static_cast<size_t>(cache.dim()), 1);
    dims[0] = places.size(0);
    dims[static_cast<size_t>(along)] = places.size(1);
    call.set(0, both.back(cache.scatter(along, places.reshape(dims).expand(update.sizes()), update)));
  };
}

struct Window {
  Dims strides, pads, dilations;
};

// For one axis: where each element of the block falls, for each place of the block. [block, places]
at::Tensor block_positions(int64_t image, int64_t block, int64_t stride, int64_t pad, int64_t dilation) {
  const int64_t places = (image + pad - dilation * (block - 1) - 1) / stride + 1;
  if (block < 1 || image < 1 || places < 1) malformed("a block of {} does not fit an image of {}", block, image);
  return at::arange(block, at::kLong).unsqueeze(1) * dilation + at::arange(places, at::kLong) * stride;
}

// Adds blocks up to an image; x is [N, C * block elements, places]. The image is made with its margin, then cut.
at::Tensor col2im(const at::Tensor& x, const Dims& image, const Dims& block, const Window& window) {
  const size_t n = image.size();
  const auto item = [n](const Dims& list, size_t i, int64_t otherwise) {
    if (!list.empty() && list.size() != n && list.size() != 2 * n)
      malformed("strides, pads or dilations differ in number");
    return list.empty() ? otherwise : list[i];
  };
  at::Tensor positions = at::zeros({1, 1}, at::kLong);  // [block elements, places] in the flattened image
  Dims padded;
  for (size_t i = 0; i < n; ++i) {
    const int64_t margin = item(window.pads, i, 0) + (window.pads.empty() ? 0 : window.pads.at(n + i));
    padded.push_back(image[i] + margin);
    const at::Tensor here = block_positions(image[i], block[i], std::max<int64_t>(item(window.strides, i, 1), 1),
                                            margin, item(window.dilations, i, 1));
    positions = positions.unsqueeze(1).unsqueeze(3) * padded[i] + here.unsqueeze(0).unsqueeze(2);
    positions = positions.flatten(2, 3).flatten(0, 1);
  }
  if (x.dim() != 3 || x.size(1) % positions.size(0) != 0 || x.size(2) != positions.size(1))
    malformed("the input does not hold {} places of blocks of {} elements", positions.size(1), positions.size(0));
  const int64_t batch = x.size(0), channels = x.size(1) / positions.size(0);
  const at::Tensor sum = at::zeros({batch, channels, c10::multiply_integers(padded)}, x.options())
                             .index_add(2, positions.reshape({-1}).to(x.device()), x.reshape({batch, channels, -1}));
  Dims dims = {batch, channels};
  dims.insert(dims.end(), padded.begin(), padded.end());
  at::Tensor result = sum.reshape(dims);
  for (size_t i = 0; i < n; ++i) result = result.narrow(static_cast<int64_t>(2 + i), item(window.pads, i, 0), image[i]);
  return result;
}

Kernel make_col2im(const Site& site) {
  const Window window{site.ints("strides"), site.ints("pads"), site.ints("dilations")};
  return [window](Call& call) {
    const Dims image = call.ints(1), block = call.ints(2);
    if (image.size() != block.size() || image.empty()) malformed("image_shape and block_shape differ in number");
    call.set(0, col2im(call.in(0), image, block, window).contiguous());
  };
}

constexpr Operator kOperators[] = {
    {"Col2Im", make_col2im},        {"Scatter", make_scatter_elements},     {"ScatterElements", make_scatter_elements},
    {"ScatterND", make_scatter_nd}, {"TensorScatter", make_tensor_scatter},
};

}  // namespace

std::span<const Operator> scatter_operators() { return kOperators; }

}  // namespace allot::exec
