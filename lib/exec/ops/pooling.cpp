// SPDX-License-Identifier: Apache-2.0
// Pools over windows and over all of the spatial axes.
#include <algorithm>
#include <functional>
#include <limits>

#include <ATen/TensorOperators.h>
#include <ATen/ops/amax.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/avg_pool1d.h>
#include <ATen/ops/avg_pool2d.h>
#include <ATen/ops/avg_pool3d.h>
#include <ATen/ops/linalg_vector_norm.h>
#include <ATen/ops/max_pool1d.h>
#include <ATen/ops/max_pool1d_with_indices.h>
#include <ATen/ops/max_pool2d.h>
#include <ATen/ops/max_pool2d_with_indices.h>
#include <ATen/ops/max_pool3d.h>
#include <ATen/ops/max_pool3d_with_indices.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/zeros.h>
#include <ATen/ops/zeros_like.h>

#include "exec/check.h"
#include "exec/ops/window.h"
#include "exec/registry.h"

namespace allot::exec {
namespace {

constexpr int64_t kFirstSpatial = 2;

// What all pools over windows have.
struct Pool {
  explicit Pool(const Site& site) : window(site), ceil(site.int_or("ceil_mode", 0) != 0) {
    if (window.kernel().empty()) malformed("attribute 'kernel_shape' is missing");
  }
  size_t axes() const { return window.kernel().size(); }
  WindowPlacement place(const at::Tensor& x) const { return window.place(spatial_sizes(x), window.kernel(), ceil); }

  // torch pools with equal margins of at most half a window; its rule for the last window is ONNX's.
  bool fits_torch(const WindowPlacement& placed) const {
    if (!placed.is_symmetric() || axes() > 3) return false;
    for (size_t i = 0; i < axes(); ++i)
      if (placed.begins[i] > window.kernel()[i] / 2) return false;
    return true;
  }
  // Margins behind the input, such that the last window just fits.
  Dims fitted_ends(const WindowPlacement& placed, at::IntArrayRef sizes) const {
    Dims ends;
    for (size_t i = 0; i < axes(); ++i)
      ends.push_back((placed.outputs[i] - 1) * window.stride(i) + window.extent(i, window.kernel()[i]) - sizes[i] -
                     placed.begins[i]);
    return ends;
  }
  // A view of all windows of a padded tensor: batch, channels, windows, pixels.
  at::Tensor windows(at::Tensor x) const {
    for (size_t i = 0; i < axes(); ++i)
      x = x.unfold(kFirstSpatial + static_cast<int64_t>(i), window.extent(i, window.kernel()[i]), window.stride(i));
    for (size_t i = 0; i < axes(); ++i)
      x = x.slice(static_cast<int64_t>(kFirstSpatial + axes() + i), 0, std::nullopt, window.extent(i, 2) - 1);
    return x;
  }
  Dims pixel_axes() const {
    Dims found;
    for (size_t i = 0; i < axes(); ++i) found.push_back(static_cast<int64_t>(kFirstSpatial + axes() + i));
    return found;
  }

  Window window;
  bool ceil;
};

struct Maxima {
  at::Tensor values, indices;  // indices within a channel of one batch item; undefined when they are not wanted
};

Maxima max_pool(const at::Tensor& x, const Window& w, const Dims& padding, bool ceil, bool with_indices) {
  std::tuple<at::Tensor, at::Tensor> both;
  if (w.kernel().size() == 1) {
    if (!with_indices) return {at::max_pool1d(x, w.kernel(), w.strides(), padding, w.dilations(), ceil), {}};
    both = at::max_pool1d_with_indices(x, w.kernel(), w.strides(), padding, w.dilations(), ceil);
  } else if (w.kernel().size() == 2) {
    if (!with_indices) return {at::max_pool2d(x, w.kernel(), w.strides(), padding, w.dilations(), ceil), {}};
    both = at::max_pool2d_with_indices(x, w.kernel(), w.strides(), padding, w.dilations(), ceil);
  } else {
    if (!with_indices) return {at::max_pool3d(x, w.kernel(), w.strides(), padding, w.dilations(), ceil), {}};
    both = at::max_pool3d_with_indices(x, w.kernel(), w.strides(), padding, w.dilations(), ceil);
  }
  return {std::get<0>(both), std::get<1>(both)};
}

// From indices within a channel of the padded input to such of the whole input, row- or column-major in each channel.
at::Tensor whole_indices(at::Tensor rest, at::IntArrayRef padded, at::IntArrayRef sizes, const Dims& begins,
                         bool column_major) {
  at::Tensor result = at::zeros_like(rest);
  int64_t pixels = 1;
  for (const int64_t size : sizes) pixels *= size;
  int64_t row_stride = 1, column_stride = pixels;
  for (size_t i = sizes.size(); i-- > 0;) {
    column_stride /= std::max<int64_t>(sizes[i], 1);
    const at::Tensor position = rest.remainder(padded[i]) - begins[i];
    result = result + position * (column_major ? column_stride : row_stride);
    rest = rest.div(padded[i], "trunc");
    row_stride *= sizes[i];
  }
  Dims dims(static_cast<size_t>(result.dim()), 1);
  dims[0] = result.size(0), dims[1] = result.size(1);
  return result + (at::arange(dims[0] * dims[1], result.options()) * pixels).reshape(dims);
}

Kernel make_max_pool(const Site& site) {
  const Pool pool(site);
  if (pool.axes() > 3) site.refuse("there is no kernel for more than three spatial axes");
  const bool column_major = site.int_or("storage_order", 0) != 0;
  return [pool, column_major](Call& call) {
    const at::Tensor& given = call.in(0);
    const bool integral = at::isIntegralType(given.scalar_type(), false);  // of 8 bits, which float32 holds
    const at::Tensor x = integral ? given.to(at::kFloat) : given;
    const auto placed = pool.place(x);
    const bool direct = pool.fits_torch(placed);
    const auto sizes = spatial_sizes(x);
    const at::Tensor padded = direct ? x
                                     : pad_spatial(x, placed.begins, pool.fitted_ends(placed, sizes),
                                                   -std::numeric_limits<double>::infinity());
    const Dims zero = {0};
    const auto [values, indices] =
        max_pool(padded, pool.window, direct ? placed.begins : zero, direct && pool.ceil, call.wants(1));
    call.set(0, integral ? values.to(given.scalar_type()) : values);
    if (!call.wants(1)) return;
    const Dims none(pool.axes(), 0);
    call.set(1, whole_indices(indices, spatial_sizes(padded), sizes, direct ? none : placed.begins, column_major));
  };
}

at::Tensor average_pool(const at::Tensor& x, const Window& w, const Dims& padding, bool ceil, bool counts_padding) {
  if (w.kernel().size() == 1) return at::avg_pool1d(x, w.kernel(), w.strides(), padding, ceil, counts_padding);
  if (w.kernel().size() == 2) return at::avg_pool2d(x, w.kernel(), w.strides(), padding, ceil, counts_padding);
  // torch lacks this one for half types on the CPU.
  const at::Tensor wide = x.element_size() < 4 ? x.to(at::kFloat) : x;
  return at::avg_pool3d(wide, w.kernel(), w.strides(), padding, ceil, counts_padding).to(x.scalar_type());
}

// With three axes torch wants an input that holds a window without its margins.
bool holds_window(const at::Tensor& x, const Window& w) {
  const auto sizes = spatial_sizes(x);
  return sizes.size() < 3 || std::equal(sizes.begin(), sizes.end(), w.kernel().begin(), std::greater_equal<int64_t>());
}

// Sums over windows by how many of their pixels count.
at::Tensor average_windows(const at::Tensor& x, const Pool& pool, const WindowPlacement& placed, bool counts_padding) {
  const auto sizes = spatial_sizes(x);
  const Dims ends = pool.fitted_ends(placed, sizes);
  Dims counted = {1, 1}, before(pool.axes(), 0), behind = ends;
  for (size_t i = 0; i < pool.axes(); ++i) {
    counted.push_back(sizes[i] + (counts_padding ? placed.begins[i] + placed.ends[i] : 0));
    if (counts_padding)
      behind[i] -= placed.ends[i];
    else
      before[i] = placed.begins[i];
  }
  const Dims pixels = pool.pixel_axes();
  const at::Tensor sums = pool.windows(pad_spatial(x, placed.begins, ends, 0)).sum(pixels);
  return sums / pool.windows(pad_spatial(at::ones(counted, x.options()), before, behind, 0)).sum(pixels);
}

Kernel make_average_pool(const Site& site) {
  return [pool = Pool(site), counts_padding = site.int_or("count_include_pad", 0) != 0](Call& call) {
    const at::Tensor& x = call.in(0);
    const auto placed = pool.place(x);
    if (pool.fits_torch(placed) && !pool.window.has_dilations() && holds_window(x, pool.window))
      return call.set(0, average_pool(x, pool.window, placed.begins, pool.ceil, counts_padding));
    call.set(0, average_windows(x, pool, placed, counts_padding));
  };
}

// A number that was a fraction in the first version.
double order_of_norm(const Site& site) {
  const double p = site.opset() < 2 ? site.float_or("p", 2) : static_cast<double>(site.int_or("p", 2));
  if (!(p > 0)) malformed("attribute 'p' is {}", p);
  return p;
}

Kernel make_lp_pool(const Site& site) {
  return [pool = Pool(site), p = order_of_norm(site)](Call& call) {
    const at::Tensor& x = call.in(0);
    const auto placed = pool.place(x);
    const at::Tensor padded = pad_spatial(x, placed.begins, pool.fitted_ends(placed, spatial_sizes(x)), 0);
    call.set(0, at::linalg_vector_norm(pool.windows(padded), p, pool.pixel_axes()));
  };
}

Dims spatial_axes(const at::Tensor& x) {
  spatial_sizes(x);
  Dims axes;
  for (int64_t axis = kFirstSpatial; axis < x.dim(); ++axis) axes.push_back(axis);
  return axes;
}

Kernel make_global_average_pool(const Site&) {
  return [](Call& call) { call.set(0, call.in(0).mean(spatial_axes(call.in(0)), true)); };
}

Kernel make_global_max_pool(const Site&) {
  return [](Call& call) { call.set(0, at::amax(call.in(0), spatial_axes(call.in(0)), true)); };
}

Kernel make_global_lp_pool(const Site& site) {
  return [p = order_of_norm(site)](Call& call) {
    call.set(0, at::linalg_vector_norm(call.in(0), p, spatial_axes(call.in(0)), true));
  };
}

// Indices count within what the window's attributes give; a larger shape that is asked for begins with it.
Kernel make_max_unpool(const Site& site) {
  return [window = Pool(site).window](Call& call) {
    const at::Tensor &x = call.in(0), &indices = call.in(1);
    const auto sizes = spatial_sizes(x);
    window.check_rank(sizes.size());
    if (window.kernel().size() != sizes.size() || indices.sizes() != x.sizes())
      malformed("indices are {} where values are {}", Value(indices).describe(), Value(x).describe());
    Dims dims = {x.size(0), x.size(1)};
    for (size_t i = 0; i < sizes.size(); ++i) {
      const auto [begin, end] = window.margins(i);
      dims.push_back((sizes[i] - 1) * window.stride(i) - begin - end + window.kernel()[i]);
      if (dims.back() < 1) malformed("spatial axis {} would have a size of {}", i, dims.back());
    }
    const at::Tensor flat = at::zeros(dims, x.options()).flatten();
    const at::Tensor y = flat.scatter(0, indices.flatten(), x.flatten()).reshape(dims);
    if (!call.has(2)) return call.set(0, y);
    const Dims wanted = call.ints(2);
    if (wanted.size() != dims.size()) malformed("output_shape has {} numbers for rank {}", wanted.size(), dims.size());
    Dims behind;
    for (size_t i = 0; i < sizes.size(); ++i) behind.push_back(wanted[i + 2] - dims[i + 2]);
    call.set(0, pad_spatial(y, Dims(sizes.size(), 0), behind, 0));
  };
}

constexpr Operator kOperators[] = {
    {"AveragePool", make_average_pool},
    {"GlobalAveragePool", make_global_average_pool},
    {"GlobalLpPool", make_global_lp_pool},
    {"GlobalMaxPool", make_global_max_pool},
    {"LpPool", make_lp_pool},
    {"MaxPool", make_max_pool},
    {"MaxUnpool", make_max_unpool},
};

}  // namespace

std::span<const Operator> pooling_operators() { return kOperators; }

}  // namespace allot::exec
