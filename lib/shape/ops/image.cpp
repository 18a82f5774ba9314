// SPDX-License-Identifier: Apache-2.0
// Images resized, sampled and decoded.
#include <algorithm>
#include <cmath>
#include <limits>

#include "shape/fold.h"
#include "shape/registry.h"

namespace allot::shape {
namespace {

/// A float product cut down to a dimension, as runtimes compute it: in single precision.
std::optional<int64_t> scaled(int64_t size, float scale) {
  const float product = std::floor(static_cast<float>(size) * scale);
  if (!(product >= 0 && product < 9.2e18f)) return std::nullopt;
  return static_cast<int64_t>(product);
}

/// The axes that scales and sizes speak of; nullopt after a contradiction.
std::optional<std::vector<size_t>> resized_axes(Context& c, size_t rank) {
  std::vector<size_t> axes;
  if (const auto* given = c.node().find("axes")) {
    for (const int64_t axis : given->ints) {
      const auto index = c.axis(axis, rank);
      if (!index) return std::nullopt;
      axes.push_back(*index);
    }
    return axes;
  }
  for (size_t i = 0; i < rank; ++i) axes.push_back(i);
  return axes;
}

void set_scaled(Context& c, const Dims& input, const std::vector<size_t>& axes, const std::vector<double>& scales,
                const std::vector<double>* roi) {
  if (scales.size() != axes.size())
    return c.contradict("{} scales for {} axes of {}", scales.size(), axes.size(), to_string(input));
  Dims dims = input;
  for (size_t i = 0; i < axes.size(); ++i) {
    auto scale = static_cast<float>(scales[i]);
    if (roi && roi->size() == 2 * axes.size()) scale *= static_cast<float>((*roi)[i + axes.size()] - (*roi)[i]);
    const auto size = scaled(dims[axes[i]], scale);
    if (!size) return c.contradict("dimension {} times {} is no dimension", dims[axes[i]], scale);
    dims[axes[i]] = *size;
  }
  c.set(0, c.elem(0), std::move(dims));
}

void set_sized(Context& c, const Dims& input, const std::vector<size_t>& axes, const Dims& sizes) {
  if (sizes.size() != axes.size())
    return c.contradict("{} sizes for {} axes of {}", sizes.size(), axes.size(), to_string(input));
  const ir::Str policy = c.node().string_or("keep_aspect_ratio_policy", "stretch");
  const bool stretch = policy != "not_larger" && policy != "not_smaller";
  double ratio = policy == "not_larger" ? std::numeric_limits<double>::infinity() : 0;
  for (size_t i = 0; i < axes.size(); ++i) {
    const double own = static_cast<double>(sizes[i]) / static_cast<double>(input[axes[i]]);
    ratio = policy == "not_larger" ? std::min(ratio, own) : std::max(ratio, own);
  }
  Dims dims = input;
  for (size_t i = 0; i < axes.size(); ++i)
    dims[axes[i]] = stretch ? sizes[i] : saturate(std::floor(ratio * static_cast<double>(input[axes[i]]) + 0.5));
  c.set(0, c.elem(0), std::move(dims));
}

void resize(Context& c) {
  c.set_elem(0, c.elem(0));
  const Dims* input = c.dims(0);
  const auto axes = input ? resized_axes(c, input->size()) : std::nullopt;
  if (!axes) return;
  const size_t scales_at = c.opset() < 11 ? 1 : 2;
  if (c.has(3) && c.type(3).elements() > 0) {
    if (const auto sizes = c.ints(3)) set_sized(c, *input, *axes, *sizes);
    return;
  }
  const bool crop = c.node().string_or("coordinate_transformation_mode", "") == "tf_crop_and_resize";
  const auto* roi = crop ? c.content(1) : nullptr;
  const auto* scales = crop && !roi ? nullptr : c.content(scales_at);
  if (scales) set_scaled(c, *input, *axes, *scales, roi);
}

void upsample(Context& c) {
  c.set_elem(0, c.elem(0));
  const Dims* input = c.dims(0);
  const auto axes = input ? resized_axes(c, input->size()) : std::nullopt;
  if (!axes) return;
  if (const auto* given = c.node().find("scales"))
    return set_scaled(c, *input, *axes, {given->floats.begin(), given->floats.end()}, nullptr);
  if (const auto* scales = c.content(1)) set_scaled(c, *input, *axes, *scales, nullptr);
}

/// X (batch, channels, spatial...), grid (batch, spatial of the output..., coordinates).
void grid_sample(Context& c) {
  c.set_elem(0, c.elem(0));
  const Dims *input = c.dims(0), *grid = c.dims(1);
  if (!input || !grid) return;
  if (input->size() < 3 || grid->size() != input->size())
    return c.contradict("input {} and grid {} differ in rank", to_string(*input), to_string(*grid));
  Dims dims{(*input)[0], (*input)[1]};
  dims.insert(dims.end(), grid->begin() + 1, grid->end() - 1);
  c.set(0, c.elem(0), std::move(dims));
}

/// size is (batch, channels, spatial...); the grid has one coordinate a spatial dimension at every place.
void affine_grid(Context& c) {
  c.set_elem(0, c.elem(0));
  const auto size = c.ints(1);
  if (!size || size->size() < 3) return;
  Dims dims{(*size)[0]};
  dims.insert(dims.end(), size->begin() + 2, size->end());
  dims.push_back(static_cast<int64_t>(size->size()) - 2);
  c.set(0, c.elem(0), std::move(dims));
}

void image_decoder(Context& c) { c.set_elem(0, ir::DataType::uint8); }

constexpr Operator kOperators[] = {
    {"AffineGrid", affine_grid}, {"GridSample", grid_sample}, {"ImageDecoder", image_decoder},
    {"Resize", resize},          {"Upsample", upsample},
};

}  // namespace

std::span<const Operator> image_operators() { return kOperators; }

}  // namespace allot::shape
