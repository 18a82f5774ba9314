// SPDX-License-Identifier: Apache-2.0
#include "exec/ops/window.h"

#include <algorithm>
#include <limits>

#include <ATen/ops/constant_pad_nd.h>

#include "exec/check.h"

namespace allot::exec {

Dims checked_sizes(const Site& site, ir::Str attribute, int64_t low) {
  const Dims& values = site.ints(attribute);
  for (const int64_t value : values)
    if (value < low || value > std::numeric_limits<int32_t>::max())
      malformed("attribute '{}' holds {}", attribute, value);
  return values;
}

Window::Window(const Site& site) {
  kernel_ = checked_sizes(site, "kernel_shape", 1);
  strides_ = checked_sizes(site, "strides", 1);
  dilations_ = checked_sizes(site, "dilations", 1);
  const ir::Str auto_pad = site.string_or("auto_pad", "NOTSET");
  const Dims pads = auto_pad == "NOTSET" || auto_pad.empty() ? checked_sizes(site, "pads", 0) : Dims();
  if (auto_pad == "SAME_UPPER")
    auto_pad_ = AutoPad::same_upper;
  else if (auto_pad == "SAME_LOWER")
    auto_pad_ = AutoPad::same_lower;
  else if (auto_pad != "NOTSET" && auto_pad != "VALID" && !auto_pad.empty())
    site.refuse("auto_pad has an unknown value");
  if (pads.size() % 2 != 0) malformed("attribute 'pads' holds an odd number of pads, {}", pads.size());
  const auto half = pads.begin() + static_cast<int64_t>(pads.size() / 2);
  begins_.assign(pads.begin(), half);
  ends_.assign(half, pads.end());
  size_t axes = 0;
  for (const Dims* list : {&kernel_, &strides_, &dilations_, &begins_}) {
    if (axes && !list->empty() && list->size() != axes)
      malformed("attributes are for {} and for {} axes", axes, list->size());
    axes = std::max(axes, list->size());
  }
  for (Dims* list : {&strides_, &dilations_})
    if (list->empty()) *list = {1};
  for (Dims* list : {&begins_, &ends_})
    if (list->empty()) *list = {0};
}

bool Window::has_dilations() const {
  return std::any_of(dilations_.begin(), dilations_.end(), [](int64_t d) { return d != 1; });
}

void Window::check_rank(size_t axes) const {
  for (const Dims* list : {&strides_, &dilations_, &begins_})
    if (list->size() != 1 && list->size() != axes)
      malformed("its attributes are for {} spatial axes, but the input has {}", list->size(), axes);
}

std::pair<int64_t, int64_t> Window::split(int64_t surplus) const {
  const int64_t whole = std::max<int64_t>(surplus, 0);
  const int64_t begin = auto_pad_ == AutoPad::same_upper ? whole / 2 : whole - whole / 2;
  return {begin, surplus - begin};
}

WindowPlacement Window::place(at::IntArrayRef sizes, at::IntArrayRef kernel, bool ceil) const {
  check_rank(sizes.size());
  if (kernel.size() != sizes.size())
    malformed("a kernel of {} axes meets {} spatial axes", kernel.size(), sizes.size());
  WindowPlacement placed;
  for (size_t i = 0; i < sizes.size(); ++i) {
    const int64_t step = stride(i), reach = extent(i, kernel[i]);
    auto [begin, end] = margins(i);
    if (is_same()) {
      const int64_t outputs = (sizes[i] + step - 1) / step;
      std::tie(begin, end) = split(std::max<int64_t>((outputs - 1) * step + reach - sizes[i], 0));
    }
    const int64_t room = sizes[i] + begin + end - reach;
    if (room < 0) malformed("a window of {} does not fit into {} with its margins", reach, sizes[i]);
    int64_t outputs = (ceil ? room + step - 1 : room) / step + 1;
    if (ceil && (outputs - 1) * step >= sizes[i] + begin) --outputs;
    placed.begins.push_back(begin);
    placed.ends.push_back(end);
    placed.outputs.push_back(outputs);
  }
  return placed;
}

at::IntArrayRef spatial_sizes(const at::Tensor& x) {
  if (x.dim() < 3) malformed("the input must have batch, channels and spatial axes, but has rank {}", x.dim());
  return x.sizes().slice(2);
}

at::Tensor pad_spatial(const at::Tensor& x, const Dims& begins, const Dims& ends, const at::Scalar& value) {
  Dims pads;  // torch counts pairs from the last axis
  for (size_t axis = begins.size(); axis-- > 0;) pads.insert(pads.end(), {begins[axis], ends[axis]});
  return at::constant_pad_nd(x, pads, value);
}

}  // namespace allot::exec
