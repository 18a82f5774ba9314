// SPDX-License-Identifier: Apache-2.0
// Images read at given places: GridSample and AffineGrid.
#include <cmath>

#include <ATen/TensorOperators.h>
#include <ATen/ops/affine_grid_generator.h>
#include <ATen/ops/clamp.h>
#include <ATen/ops/floor.h>
#include <ATen/ops/fmod.h>
#include <ATen/ops/gather.h>
#include <ATen/ops/grid_sampler.h>
#include <ATen/ops/round.h>
#include <ATen/ops/where.h>

#include "exec/registry.h"

namespace allot::exec {
namespace {

using at::Tensor;

// Numbered as torch numbers them.
enum class Mode : uint8_t { linear, nearest, cubic };
enum class Padding : uint8_t { zeros, border, reflection };

struct GridSample {
  Mode mode = Mode::linear;
  Padding padding = Padding::zeros;
  bool align_corners = false;
};

// Places mirrored at low and high until they are between them.
Tensor reflected(const Tensor& x, double low, double high) {
  const double span = high - low;
  if (span <= 0) return x * 0;
  const Tensor distance = (x - low).abs(), rest = at::fmod(distance, span);
  const Tensor is_odd = at::floor(distance / span).remainder(2) > 0.5;
  return at::where(is_odd, high - rest, rest + low);
}

Tensor padded(const GridSample& sample, const Tensor& x, int64_t length) {
  if (sample.padding == Padding::zeros) return x;
  const auto last = static_cast<double>(length - 1);
  Tensor inside = x;
  if (sample.padding == Padding::reflection)
    inside = sample.align_corners ? reflected(x, 0, last) : reflected(x, -0.5, last + 0.5);
  return inside.clamp(0, last);
}

// The elements along one axis that count for each point, and how much.
struct AxisTaps {
  std::vector<Tensor> indices, weights;
};

// Cubic convolution with a = -0.75 at distance x (one of torch's choices that ONNX shares).
Tensor cubic_weight(const Tensor& x, bool is_near) {
  constexpr double a = -0.75;
  return is_near ? ((a + 2) * x - (a + 3)) * x * x + 1 : ((a * x - 5 * a) * x + 8 * a) * x - 4 * a;
}

AxisTaps axis_taps(const GridSample& sample, const Tensor& normalised, int64_t length) {
  const auto size = static_cast<double>(length);
  const Tensor x = sample.align_corners ? (normalised + 1) * ((size - 1) / 2) : ((normalised + 1) * size - 1) / 2;
  AxisTaps taps;
  const auto add = [&](const Tensor& place, const Tensor& weight) {
    const Tensor is_inside = (place >= 0).logical_and(place <= size - 1);
    taps.indices.push_back(place.detach().nan_to_num(0).clamp(0, size - 1).to(at::kLong));
    taps.weights.push_back(at::where(is_inside, weight, at::Scalar(0)));
  };
  if (sample.mode == Mode::cubic) {  // padding is applied to each element
    const Tensor left = at::floor(x).detach(), ratio = x - left;
    for (const int offset : {-1, 0, 1, 2}) {
      const Tensor distance = offset <= 0 ? ratio - offset : offset - ratio;
      add(padded(sample, left + offset, length), cubic_weight(distance, offset == 0 || offset == 1));
    }
    return taps;
  }
  const Tensor place = padded(sample, x, length);
  if (sample.mode == Mode::nearest) {
    add(at::round(place), place.detach() * 0 + 1);
    return taps;
  }
  const Tensor left = at::floor(place).detach(), ratio = place - left;
  add(left, 1 - ratio);
  add(left + 1, ratio);
  return taps;
}

// Sum over all combinations of one tap an axis, from `axis` on; `index` and `weight` are those of the axes before.
void add_combinations(const std::vector<AxisTaps>& taps, size_t axis, const Tensor& flat,
                      const std::vector<int64_t>& dims, const Tensor& index, const Tensor& weight, Tensor& sum) {
  if (axis == taps.size()) {
    const Tensor where = index.unsqueeze(1).expand({-1, flat.size(1), -1});
    const Tensor part = at::gather(flat, 2, where) * weight.unsqueeze(1);
    sum = sum.defined() ? sum + part : part;
    return;
  }
  for (size_t k = 0; k < taps[axis].indices.size(); ++k) {
    const Tensor& place = taps[axis].indices[k];
    add_combinations(taps, axis + 1, flat, dims, axis == 0 ? place : index * dims[axis] + place,
                     axis == 0 ? taps[axis].weights[k] : weight * taps[axis].weights[k], sum);
  }
}

// For any number of axes and every mode.
Tensor by_taps(const GridSample& sample, const Tensor& x, const Tensor& grid) {
  const auto axes = static_cast<size_t>(x.dim() - 2);
  TORCH_CHECK(axes <= 4, "grids of ", axes, " dimensions are not supported");
  const Tensor points = grid.flatten(1, -2);  // batch, points, axes from the innermost
  std::vector<AxisTaps> taps;
  std::vector<int64_t> dims;
  for (size_t d = 0; d < axes; ++d) {
    dims.push_back(x.size(static_cast<int64_t>(d) + 2));
    taps.push_back(axis_taps(sample, points.select(2, static_cast<int64_t>(axes - 1 - d)), dims.back()));
  }
  Tensor sum;
  add_combinations(taps, 0, x.flatten(2), dims, {}, {}, sum);
  auto shape = grid.sizes().vec();
  shape.back() = x.size(1);
  shape.insert(shape.begin() + 1, shape.back());
  shape.pop_back();
  return sum.reshape(shape);
}

void run_grid_sample(const GridSample& sample, const Call& call) {
  const Tensor &x = call.in(0), &grid = call.in(1);
  TORCH_CHECK(x.dim() >= 3 && grid.dim() == x.dim() && grid.size(-1) == x.dim() - 2 && grid.size(0) == x.size(0),
              "a grid ", grid.sizes(), " does not fit X ", x.sizes());
  TORCH_CHECK(x.numel() > 0, "X ", x.sizes(), " has no elements to sample");
  const at::ScalarType type = x.scalar_type(), work = type == at::kDouble ? at::kDouble : at::kFloat;
  const bool has_kernel = x.dim() == 4 || (x.dim() == 5 && sample.mode != Mode::cubic);
  const Tensor y = has_kernel ? at::grid_sampler(x.to(work), grid.to(work), static_cast<int64_t>(sample.mode),
                                                 static_cast<int64_t>(sample.padding), sample.align_corners)
                              : by_taps(sample, x.to(work), grid.to(work));
  call.set(0, y.to(type));
}

// The names of modes changed at opset 20.
Kernel make_grid_sample(const Site& site) {
  GridSample sample;
  const ir::Str mode = site.string_or("mode", "linear"), padding = site.string_or("padding_mode", "zeros");
  if (mode == "nearest")
    sample.mode = Mode::nearest;
  else if (mode == "cubic" || mode == "bicubic")
    sample.mode = Mode::cubic;
  else if (mode != "linear" && mode != "bilinear")
    site.refuse("mode is none of linear, nearest, cubic");
  if (padding == "border")
    sample.padding = Padding::border;
  else if (padding == "reflection")
    sample.padding = Padding::reflection;
  else if (padding != "zeros")
    site.refuse("padding_mode is none of zeros, border, reflection");
  sample.align_corners = site.int_or("align_corners", 0) != 0;
  return [sample](Call& call) { run_grid_sample(sample, call); };
}

Kernel make_affine_grid(const Site& site) {
  return [align_corners = site.int_or("align_corners", 0) != 0](Call& call) {
    const Tensor& theta = call.in(0);
    const auto size = call.ints(1);
    TORCH_CHECK(size.size() == 4 || size.size() == 5, "size has ", size.size(), " entries, not 4 or 5");
    const at::ScalarType work = theta.scalar_type() == at::kDouble ? at::kDouble : at::kFloat;
    call.set(0, at::affine_grid_generator(theta.to(work), size, align_corners).to(theta.scalar_type()));
  };
}

// Bytes of image files are read before a model runs.
Kernel make_image_decoder(const Site& site) {
  site.refuse("image files are not decoded inside a model; decode them before");
}

constexpr Operator kOperators[] = {
    {"AffineGrid", make_affine_grid},
    {"GridSample", make_grid_sample},
    {"ImageDecoder", make_image_decoder, Gradient::zero},
};

}  // namespace

std::span<const Operator> grid_sample_operators() { return kOperators; }

}  // namespace allot::exec
