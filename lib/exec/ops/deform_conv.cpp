// SPDX-License-Identifier: Apache-2.0
// DeformConv: a convolution whose windows read where learned offsets say (Dai et al. 2017, Zhu et al. 2019).
#include <ATen/TensorOperators.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/matmul.h>

#include "exec/check.h"
#include "exec/ops/window.h"
#include "exec/registry.h"

namespace allot::exec {
namespace {

// Sizes that all parts of one call share: B batch, C channels, D offset groups, K pixels of a kernel, P windows.
struct Extents {
  int64_t batch, channels, offset_groups, pixels, positions;
};

// Where a rigid window would read along an axis: [K, P], both row-major over all axes.
at::Tensor rigid_positions(const Window& window, const WindowPlacement& placed, at::IntArrayRef kernel, size_t axis,
                           const at::Tensor& like) {
  const auto along = [&](at::IntArrayRef sizes, int64_t step) {
    Dims dims(sizes.size(), 1);
    dims[axis] = sizes[axis];
    return (at::arange(sizes[axis], like.options()) * step).reshape(dims).expand(sizes).reshape({-1});
  };
  const at::Tensor in_kernel = along(kernel, window.extent(axis, 2) - 1);
  const at::Tensor of_window = along(placed.outputs, window.stride(axis)) - placed.begins[axis];
  return in_kernel.unsqueeze(1) + of_window.unsqueeze(0);
}

// x at fractional positions, one tensor [B, D, K, P] an axis: the weighted sum of the corners of the cell around each,
// where what is outside counts as zero. Gives [B, C, K, P].
at::Tensor sample(const at::Tensor& x, const std::vector<at::Tensor>& positions, const Extents& e) {
  const auto sizes = spatial_sizes(x);
  const at::Tensor source =
      x.reshape({e.batch, e.offset_groups, e.channels / e.offset_groups, c10::multiply_integers(sizes)});
  at::Tensor sum;
  for (size_t corner = 0; corner < size_t{1} << sizes.size(); ++corner) {
    at::Tensor index, weight;
    for (size_t axis = 0; axis < sizes.size(); ++axis) {
      const at::Tensor low = positions[axis].detach().floor(), fraction = positions[axis] - low;
      const bool upper = corner >> axis & 1;
      const at::Tensor pixel = upper ? low + 1 : low;
      const at::Tensor inside = pixel.ge(0).logical_and(pixel.lt(sizes[axis])).to(x.scalar_type());
      const at::Tensor share = (upper ? fraction : 1 - fraction) * inside;
      const at::Tensor place = pixel.clamp(0, static_cast<double>(sizes[axis] - 1)).to(at::kLong);
      weight = weight.defined() ? weight * share : share;
      index = index.defined() ? index * sizes[axis] + place : place;
    }
    const at::Tensor flat = index.reshape({e.batch, e.offset_groups, 1, -1}).expand({-1, -1, source.size(2), -1});
    const at::Tensor part = source.gather(3, flat) * weight.reshape({e.batch, e.offset_groups, 1, -1});
    sum = sum.defined() ? sum + part : part;
  }
  return sum.reshape({e.batch, e.channels, e.pixels, e.positions});
}

class DeformConv {
 public:
  explicit DeformConv(const Site& site)
      : window_(site), groups_(site.int_or("group", 1)), offset_groups_(site.int_or("offset_group", 1)) {
    if (groups_ < 1 || offset_groups_ < 1) malformed("it has {} groups and {} of offsets", groups_, offset_groups_);
  }

  at::Tensor operator()(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& offset, const at::Tensor& bias,
                        const at::Tensor& mask) const {
    const auto kernel = spatial_sizes(weight);
    const auto axes = static_cast<int64_t>(kernel.size());
    const auto placed = window_.place(spatial_sizes(x), kernel);
    const Extents e{x.size(0), x.size(1), offset_groups_, c10::multiply_integers(kernel),
                    c10::multiply_integers(placed.outputs)};
    const int64_t outputs = weight.size(0);
    if (e.channels % groups_ != 0 || outputs % groups_ != 0 || e.channels % offset_groups_ != 0 || axes > 5)
      malformed("{} channels and weights {} do not fit its groups", e.channels, Value(weight).describe());
    const at::Tensor offsets = offset.reshape({e.batch, offset_groups_, e.pixels, axes, e.positions});
    std::vector<at::Tensor> positions;
    for (int64_t axis = 0; axis < axes; ++axis)
      positions.push_back(offsets.select(3, axis) +
                          rigid_positions(window_, placed, kernel, static_cast<size_t>(axis), x));
    at::Tensor columns = sample(x, positions, e);
    if (mask.defined())
      columns = (columns.reshape({e.batch, offset_groups_, -1, e.pixels, e.positions}) *
                 mask.reshape({e.batch, offset_groups_, 1, e.pixels, e.positions}));
    const at::Tensor y = at::matmul(weight.reshape({groups_, outputs / groups_, -1}),
                                    columns.reshape({e.batch, groups_, -1, e.positions}));
    Dims dims = {e.batch, outputs};
    dims.insert(dims.end(), placed.outputs.begin(), placed.outputs.end());
    if (!bias.defined()) return y.reshape(dims);
    return (y.reshape({e.batch, outputs, e.positions}) + bias.reshape({-1, 1})).reshape(dims);
  }

 private:
  Window window_;
  int64_t groups_, offset_groups_;
};

Kernel make_deform_conv(const Site& site) {
  return [convolve = DeformConv(site)](Call& call) {
    call.set(0, convolve(call.in(0), call.in(1), call.in(2), call.in_or_none(3), call.in_or_none(4)));
  };
}

constexpr Operator kOperators[] = {
    {"DeformConv", make_deform_conv},
};

}  // namespace

std::span<const Operator> deform_conv_operators() { return kOperators; }

}  // namespace allot::exec
