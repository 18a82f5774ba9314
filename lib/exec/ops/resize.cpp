// SPDX-License-Identifier: Apache-2.0
// Resize and Upsample: torch's kernels where they compute the same, else one axis after the other.
#include <algorithm>
#include <cmath>
#include <limits>

#include <ATen/TensorOperators.h>
#include <ATen/ops/clamp.h>
#include <ATen/ops/round.h>
#include <ATen/ops/upsample_bicubic2d.h>
#include <ATen/ops/upsample_bilinear2d.h>
#include <ATen/ops/upsample_nearest2d.h>

#include "exec/check.h"
#include "exec/ops/resample.h"
#include "exec/registry.h"

namespace allot::exec {
namespace {

using at::Tensor;

enum class Aspect : uint8_t { stretch, not_larger, not_smaller };

struct Resize {
  Resampling resampling;
  Aspect aspect = Aspect::stretch;
  std::vector<int64_t> axes;  // empty: all
};

// Numbers of a small floating tensor as they are, in float64.
std::vector<double> numbers(const Call& call, size_t input) {
  const Tensor host = call.in(input).detach().to(at::kCPU, at::kDouble).contiguous();
  return {host.const_data_ptr<double>(), host.const_data_ptr<double>() + host.numel()};
}

bool has_elements(const Call& call, size_t input) { return call.has(input) && call.in(input).numel() > 0; }

// The axes that are named, in their order, each with its length and nothing else yet.
std::vector<ResampledAxis> named_axes(const Resize& resize, const Tensor& x) {
  std::vector<ResampledAxis> axes;
  const int64_t rank = x.dim(), count = resize.axes.empty() ? rank : static_cast<int64_t>(resize.axes.size());
  for (int64_t i = 0; i < count; ++i) {
    const int64_t axis = front_axis(resize.axes.empty() ? i : resize.axes[static_cast<size_t>(i)], rank);
    axes.push_back({axis, x.size(axis), x.size(axis)});
  }
  return axes;
}

void use_scales(const std::vector<double>& scales, const Resampling& resampling, std::vector<ResampledAxis>& axes) {
  TORCH_CHECK(scales.size() == axes.size(), scales.size(), " scales are given for ", axes.size(), " axes");
  for (size_t i = 0; i < axes.size(); ++i) {
    TORCH_CHECK(scales[i] > 0 && std::isfinite(scales[i]), "a scale is ", scales[i]);
    ResampledAxis& axis = axes[i];
    axis.scale = scales[i];
    // In float32, as shape inference does: 0.7 of 10 is 7.
    float length = static_cast<float>(axis.input) * static_cast<float>(axis.scale);
    if (resampling.coordinates == Coordinates::tf_crop_and_resize) length *= static_cast<float>(axis.end - axis.start);
    TORCH_CHECK(length >= 0 && length < static_cast<float>(std::numeric_limits<int32_t>::max()), "a length of ", length,
                " is out of range");
    axis.output = static_cast<int64_t>(std::floor(length));
  }
}

void use_sizes(const std::vector<int64_t>& sizes, Aspect aspect, std::vector<ResampledAxis>& axes) {
  TORCH_CHECK(sizes.size() == axes.size(), sizes.size(), " sizes are given for ", axes.size(), " axes");
  double common = aspect == Aspect::not_larger ? std::numeric_limits<double>::infinity() : 0;
  for (size_t i = 0; i < axes.size(); ++i) {
    TORCH_CHECK(sizes[i] >= 0 && sizes[i] < std::numeric_limits<int32_t>::max() && axes[i].input > 0, "cannot resize ",
                axes[i].input, " to ", sizes[i]);
    axes[i].output = sizes[i];
    axes[i].scale = static_cast<double>(sizes[i]) / static_cast<double>(axes[i].input);
    common = aspect == Aspect::not_larger ? std::min(common, axes[i].scale) : std::max(common, axes[i].scale);
  }
  if (aspect == Aspect::stretch) return;
  for (ResampledAxis& axis : axes) {
    axis.scale = common;
    axis.output = static_cast<int64_t>(std::floor(common * static_cast<double>(axis.input) + 0.5));
  }
}

// Axes whose content changes.
std::vector<ResampledAxis> changed(const std::vector<ResampledAxis>& axes, const Resampling& resampling) {
  std::vector<ResampledAxis> left;
  const bool is_cut = resampling.coordinates == Coordinates::tf_crop_and_resize;
  for (const ResampledAxis& axis : axes) {
    const bool is_whole = !is_cut || (axis.start == 0 && axis.end == 1);
    if (axis.scale != 1 || axis.output != axis.input || !is_whole) left.push_back(axis);
  }
  return left;
}

// Whether torch's two-dimensional kernels compute the same: the last two of four axes, nothing special asked for.
bool is_image(const Tensor& x, const std::vector<ResampledAxis>& axes) {
  return x.dim() == 4 && x.numel() > 0 && axes.size() == 2 && axes[0].axis == 2 && axes[1].axis == 3 &&
         axes[0].output > 0 && axes[1].output > 0;
}

bool fits_torch(const Resampling& r, const Tensor& x, const std::vector<ResampledAxis>& axes) {
  if (!is_image(x, axes) || !x.is_floating_point() || r.antialias || r.exclude_outside) return false;
  const auto fits = [&](const ResampledAxis& axis) {
    const bool is_exact = axis.scale * static_cast<double>(axis.input) == static_cast<double>(axis.output);
    switch (r.coordinates) {
      case Coordinates::align_corners:
        return is_exact;
      case Coordinates::half_pixel_symmetric:
        return is_exact;
      case Coordinates::pytorch_half_pixel:
        return axis.output > 1;
      default:
        return r.coordinates == Coordinates::half_pixel;
    }
  };
  return r.interpolation != Interpolation::nearest &&
         (r.interpolation == Interpolation::linear || r.cubic_coeff == -0.75) && fits(axes[0]) && fits(axes[1]);
}

// Repeating each element 2^n times: torch finds the same neighbours, as its arithmetic is exact here.
bool repeats(const Resampling& r, const Tensor& x, const std::vector<ResampledAxis>& axes) {
  if (!is_image(x, axes) || !(x.is_floating_point() || x.scalar_type() == at::kByte)) return false;
  const auto fits = [&](const ResampledAxis& axis) {
    const int64_t factor = axis.output / axis.input;
    return axis.output == factor * axis.input && (factor & (factor - 1)) == 0 &&
           axis.scale == static_cast<double>(factor);
  };
  const bool floors = r.coordinates == Coordinates::asymmetric && r.nearest == Nearest::floor;
  const bool rounds = r.coordinates == Coordinates::half_pixel &&
                      (r.nearest == Nearest::round_prefer_floor || r.nearest == Nearest::round_prefer_ceil);
  return r.interpolation == Interpolation::nearest && (floors || rounds) && fits(axes[0]) && fits(axes[1]);
}

Tensor with_torch(const Resampling& r, const Tensor& x, const std::vector<ResampledAxis>& axes) {
  const std::vector<int64_t> sizes = {axes[0].output, axes[1].output};
  const bool corners = r.coordinates == Coordinates::align_corners;
  const double rows = axes[0].scale, columns = axes[1].scale;
  return r.interpolation == Interpolation::linear ? at::upsample_bilinear2d(x, sizes, corners, rows, columns)
                                                  : at::upsample_bicubic2d(x, sizes, corners, rows, columns);
}

// Integers are interpolated as real numbers and rounded.
Tensor by_axes(const Resampling& r, const Tensor& x, const std::vector<ResampledAxis>& axes) {
  const bool is_copy = r.interpolation == Interpolation::nearest && r.coordinates != Coordinates::tf_crop_and_resize;
  const at::ScalarType type = x.scalar_type();
  Tensor y = is_copy || type == at::kDouble ? x : x.to(at::isIntegralType(type, true) ? at::kDouble : at::kFloat);
  for (const ResampledAxis& axis : axes) y = resample(y, r, axis);
  if (y.scalar_type() == type || x.is_floating_point()) return y.to(type);
  y = at::round(y);
  if (type == at::kByte) return y.clamp(0, 255).to(type);
  return type == at::kChar ? y.clamp(-128, 127).to(type) : y.to(type);
}

Tensor resized(const Resampling& r, const Tensor& x, const std::vector<ResampledAxis>& all) {
  const auto axes = changed(all, r);
  if (axes.empty()) return x;
  if (repeats(r, x, axes)) return at::upsample_nearest2d(x, {axes[0].output, axes[1].output});
  return fits_torch(r, x, axes) ? with_torch(r, x, axes) : by_axes(r, x, axes);
}

template <typename Choice>
Choice choose(const Site& site, ir::Str attribute, ir::Str otherwise,
              std::initializer_list<std::pair<std::string_view, Choice>> choices) {
  const ir::Str given = site.string_or(attribute, otherwise);
  for (const auto& [name, choice] : choices)
    if (name == given) return choice;
  site.refuse(fmt::format("{} is '{}', which ONNX does not name", attribute, base::printable(given, 40)));
}

Interpolation read_mode(const Site& site) {
  return choose<Interpolation>(site, "mode", "nearest",
                               {{"nearest", Interpolation::nearest},
                                {"linear", Interpolation::linear},
                                {"bilinear", Interpolation::linear},
                                {"cubic", Interpolation::cubic}});
}

Resize read_resize(const Site& site) {
  Resize resize;
  Resampling& r = resize.resampling;
  r.interpolation = read_mode(site);
  r.coordinates = choose<Coordinates>(site, "coordinate_transformation_mode", "half_pixel",
                                      {{"half_pixel", Coordinates::half_pixel},
                                       {"half_pixel_symmetric", Coordinates::half_pixel_symmetric},
                                       {"pytorch_half_pixel", Coordinates::pytorch_half_pixel},
                                       {"align_corners", Coordinates::align_corners},
                                       {"asymmetric", Coordinates::asymmetric},
                                       {"tf_half_pixel_for_nn", Coordinates::tf_half_pixel_for_nn},
                                       {"tf_crop_and_resize", Coordinates::tf_crop_and_resize}});
  r.nearest = choose<Nearest>(site, "nearest_mode", "round_prefer_floor",
                              {{"round_prefer_floor", Nearest::round_prefer_floor},
                               {"round_prefer_ceil", Nearest::round_prefer_ceil},
                               {"floor", Nearest::floor},
                               {"ceil", Nearest::ceil}});
  r.cubic_coeff = site.float_or("cubic_coeff_a", -0.75f);
  r.outside_value = site.float_or("extrapolation_value", 0);
  r.exclude_outside = site.int_or("exclude_outside", 0) != 0;
  r.antialias = site.int_or("antialias", 0) != 0;
  resize.aspect = choose<Aspect>(
      site, "keep_aspect_ratio_policy", "stretch",
      {{"stretch", Aspect::stretch}, {"not_larger", Aspect::not_larger}, {"not_smaller", Aspect::not_smaller}});
  resize.axes = site.ints("axes");
  return resize;
}

// Resize-11 and later: X, roi, scales, sizes.
Kernel make_resize(const Site& site) {
  if (site.opset() < 11) {  // X, scales; always from the left edge
    Resampling r;
    r.interpolation = read_mode(site);
    r.coordinates = Coordinates::asymmetric;
    r.nearest = Nearest::floor;
    return [r](Call& call) {
      auto axes = named_axes({}, call.in(0));
      use_scales(numbers(call, 1), r, axes);
      call.set(0, resized(r, call.in(0), axes));
    };
  }
  return [resize = read_resize(site)](Call& call) {
    const Tensor& x = call.in(0);
    auto axes = named_axes(resize, x);
    if (resize.resampling.coordinates == Coordinates::tf_crop_and_resize) {
      const auto roi = numbers(call, 1);
      TORCH_CHECK(roi.size() == 2 * axes.size(), "roi has ", roi.size(), " numbers for ", axes.size(), " axes");
      for (size_t i = 0; i < axes.size(); ++i) axes[i].start = roi[i], axes[i].end = roi[axes.size() + i];
    }
    if (has_elements(call, 2))
      use_scales(numbers(call, 2), resize.resampling, axes);
    else
      use_sizes(call.ints(3), resize.aspect, axes);
    call.set(0, resized(resize.resampling, x, axes));
  };
}

Kernel make_upsample(const Site& site) {
  Resampling r;
  r.interpolation = read_mode(site);
  r.coordinates = Coordinates::asymmetric;
  r.nearest = Nearest::floor;
  std::vector<double> fixed;  // scales were attributes before opset 9
  if (site.has("scales")) fixed.assign(site.floats("scales").begin(), site.floats("scales").end());
  if (site.has("height_scale")) fixed = {1, 1, site.float_or("height_scale", 1), site.float_or("width_scale", 1)};
  return [r, fixed](Call& call) {
    auto axes = named_axes({}, call.in(0));
    use_scales(fixed.empty() ? numbers(call, 1) : fixed, r, axes);
    call.set(0, resized(r, call.in(0), axes));
  };
}

constexpr Operator kOperators[] = {
    {"Resize", make_resize},
    {"Upsample", make_upsample},
};

}  // namespace

std::span<const Operator> resize_operators() { return kOperators; }

}  // namespace allot::exec
