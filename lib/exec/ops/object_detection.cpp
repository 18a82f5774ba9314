// SPDX-License-Identifier: Apache-2.0
// Regions of images: RoiAlign, MaxRoiPool and NonMaxSuppression.
#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include <ATen/TensorOperators.h>
#include <ATen/ops/amax.h>
#include <ATen/ops/isfinite.h>
#include <ATen/ops/matmul.h>
#include <ATen/ops/maximum.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>
#include <ATen/ops/zeros_like.h>

#include "exec/registry.h"

namespace allot::exec {
namespace {

using at::Tensor;

constexpr int64_t kMostSamples = int64_t{1} << 24;  // along one axis of one region

Tensor on_host(const Tensor& x, at::ScalarType type) { return x.detach().to(at::kCPU, type).contiguous(); }

// Samples of one region along one axis: `bins` parts with `per_bin` samples each, all between two elements.
struct Samples {
  int64_t bins = 1, per_bin = 0;
  std::vector<int64_t> low, high;
  std::vector<double> low_weight, high_weight;  // both 0 outside the image
};

// Where Mask R-CNN's RoIAlign reads (He et al., 2017, section 3), at the image's border as its authors' code does.
Samples make_samples(double start, double length, int64_t bins, int64_t ratio, int64_t size) {
  Samples samples;
  samples.bins = bins;
  const double bin = length / static_cast<double>(bins),
               wanted = ratio > 0 ? static_cast<double>(ratio) : std::ceil(bin);
  TORCH_CHECK(wanted * static_cast<double>(bins) <= static_cast<double>(kMostSamples), "a region of length ", length,
              " needs too many samples");
  samples.per_bin = std::max<int64_t>(0, static_cast<int64_t>(wanted));
  for (int64_t i = 0; i < bins * samples.per_bin; ++i) {
    const double part = (static_cast<double>(i % samples.per_bin) + 0.5) / static_cast<double>(samples.per_bin);
    const double place = start + (static_cast<double>(i / samples.per_bin) + part) * bin;
    const bool is_inside = place >= -1 && place <= static_cast<double>(size);
    const double x = is_inside ? std::clamp(place, 0.0, static_cast<double>(size - 1)) : 0;
    const auto low = std::min(static_cast<int64_t>(x), size - 1);
    samples.low.push_back(low);
    samples.high.push_back(std::min(low + 1, size - 1));
    samples.high_weight.push_back(is_inside ? x - static_cast<double>(low) : 0);
    samples.low_weight.push_back(is_inside ? 1 - samples.high_weight.back() : 0);
  }
  return samples;
}

// What each element counts in the mean of each bin: [bins, size].
Tensor mean_weights(const Samples& samples, int64_t size, const Tensor& like) {
  Tensor weights = at::zeros({samples.bins, size}, at::kDouble);
  auto* data = weights.mutable_data_ptr<double>();
  for (size_t i = 0; i < samples.low.size(); ++i) {
    double* row = data + static_cast<int64_t>(i) / samples.per_bin * size;
    row[samples.low[i]] += samples.low_weight[i] / static_cast<double>(samples.per_bin);
    row[samples.high[i]] += samples.high_weight[i] / static_cast<double>(samples.per_bin);
  }
  return weights.to(like.device(), like.scalar_type());
}

// Of the four elements around each sample, each by its weight, the largest; then the largest of each bin.
Tensor largest(const Tensor& image, const Samples& rows, const Samples& columns) {
  const auto pick = [&](const Tensor& x, int64_t dim, const std::vector<int64_t>& places,
                        const std::vector<double>& weights) {
    const Tensor scale = at::tensor(weights, x.options()), index = at::tensor(places, at::kLong).to(x.device());
    return x.index_select(dim, index) * (dim == 1 ? scale.unsqueeze(1) : scale);
  };
  Tensor best;
  for (const bool low_row : {true, false}) {
    const Tensor row = pick(image, 1, low_row ? rows.low : rows.high, low_row ? rows.low_weight : rows.high_weight);
    for (const bool low : {true, false}) {
      const Tensor x = pick(row, 2, low ? columns.low : columns.high, low ? columns.low_weight : columns.high_weight);
      best = best.defined() ? at::maximum(best, x) : x;
    }
  }
  return best.unflatten(2, {columns.bins, columns.per_bin}).unflatten(1, {rows.bins, rows.per_bin}).amax({2, 4});
}

struct RoiAlign {
  int64_t height = 1, width = 1, ratio = 0;
  double scale = 1;
  bool half_pixel = true, takes_max = false;
};

Tensor align(const RoiAlign& roi, const Tensor& image, const double* corners) {
  const double offset = roi.half_pixel ? 0.5 : 0;
  std::array<double, 4> at{};
  for (size_t i = 0; i < 4; ++i) at[i] = corners[i] * roi.scale - offset;              // x1, y1, x2, y2
  const double least = roi.half_pixel ? -std::numeric_limits<double>::infinity() : 1;  // once, tiny regions grew
  const Samples rows = make_samples(at[1], std::max(at[3] - at[1], least), roi.height, roi.ratio, image.size(1));
  const Samples columns = make_samples(at[0], std::max(at[2] - at[0], least), roi.width, roi.ratio, image.size(2));
  if (rows.per_bin == 0 || columns.per_bin == 0)
    return at::zeros({image.size(0), roi.height, roi.width}, image.options());
  if (roi.takes_max) return largest(image, rows, columns);
  const Tensor by_row = mean_weights(rows, image.size(1), image),
               by_column = mean_weights(columns, image.size(2), image);
  return at::matmul(at::matmul(by_row, image), by_column.t());
}

void run_roi_align(const RoiAlign& roi, const Call& call) {
  const Tensor& x = call.in(0);
  const Tensor regions = on_host(call.in(1), at::kDouble);
  const auto batch = call.ints(2);
  TORCH_CHECK(x.dim() == 4 && x.size(2) > 0 && x.size(3) > 0, "X ", x.sizes(), " is no batch of images");
  TORCH_CHECK(regions.dim() == 2 && regions.size(1) == 4 && regions.size(0) == static_cast<int64_t>(batch.size()),
              "rois ", regions.sizes(), " and ", batch.size(), " batch indices do not fit");
  TORCH_CHECK(at::isfinite(regions).all().item<bool>(), "a region is not finite");
  const at::ScalarType work = x.scalar_type() == at::kDouble ? at::kDouble : at::kFloat;
  std::vector<Tensor> parts;
  for (size_t i = 0; i < batch.size(); ++i)
    parts.push_back(align(roi, x.select(0, batch[i]).to(work), regions.const_data_ptr<double>() + 4 * i));
  call.set(0, (parts.empty() ? at::zeros({0, x.size(1), roi.height, roi.width}, x.options()) : at::stack(parts))
                  .to(x.scalar_type()));
}

Kernel make_roi_align(const Site& site) {
  RoiAlign roi;
  roi.height = site.int_or("output_height", 1);
  roi.width = site.int_or("output_width", 1);
  roi.ratio = site.int_or("sampling_ratio", 0);
  roi.scale = site.float_or("spatial_scale", 1);
  if (roi.height < 1 || roi.width < 1 || roi.height > kMostSamples || roi.width > kMostSamples ||
      roi.ratio > kMostSamples)
    site.refuse("output_height, output_width or sampling_ratio is out of range");
  const ir::Str mode = site.string_or("mode", "avg");
  if (mode != "avg" && mode != "max") site.refuse("mode is neither avg nor max");
  roi.takes_max = mode == "max";
  const ir::Str usual = site.opset() < 16 ? "output_half_pixel" : "half_pixel";
  roi.half_pixel = site.string_or("coordinate_transformation_mode", usual) == "half_pixel";
  return [roi](Call& call) { run_roi_align(roi, call); };
}

// Largest elements of `bins` overlapping parts of [start, start + length) along the last axis; 0 where there are none.
Tensor pooled(const Tensor& x, int64_t start, int64_t length, int64_t bins) {
  const double bin = static_cast<double>(length) / static_cast<double>(bins);
  std::vector<Tensor> parts;
  for (int64_t i = 0; i < bins; ++i) {
    const auto edge = [&](double place) {
      return std::clamp<int64_t>(static_cast<int64_t>(place) + start, 0, x.size(-1));
    };
    const int64_t first = edge(std::floor(static_cast<double>(i) * bin)),
                  end = edge(std::ceil(static_cast<double>(i + 1) * bin));
    parts.push_back(end > first ? x.narrow(-1, first, end - first).amax(-1) : at::zeros_like(x.select(-1, 0)));
  }
  return at::stack(parts, -1);
}

// Fast R-CNN's pooling (Girshick, 2015, section 2.1).
void run_max_roi_pool(const Call& call, double scale, int64_t height, int64_t width) {
  const Tensor& x = call.in(0);
  const Tensor regions = on_host(call.in(1), at::kDouble);
  TORCH_CHECK(x.dim() == 4 && x.size(2) > 0 && x.size(3) > 0, "X ", x.sizes(), " is no batch of images");
  TORCH_CHECK(regions.dim() == 2 && regions.size(1) == 5, "rois ", regions.sizes(), " must have five columns");
  constexpr double kFar = 1e9;  // places beyond it are as far outside
  std::vector<Tensor> parts;
  for (int64_t i = 0; i < regions.size(0); ++i) {
    const double* row = regions.const_data_ptr<double>() + 5 * i;
    std::array<int64_t, 4> at{};  // x1, y1, x2, y2
    for (size_t k = 0; k < 4; ++k)
      at[k] = static_cast<int64_t>(std::round(std::clamp(row[k + 1] * scale, -kFar, kFar)));
    const Tensor image = x.select(0, static_cast<int64_t>(row[0]));
    const Tensor columns = pooled(image, at[0], std::max<int64_t>(at[2] - at[0] + 1, 1), width);
    parts.push_back(
        pooled(columns.transpose(1, 2), at[1], std::max<int64_t>(at[3] - at[1] + 1, 1), height).transpose(1, 2));
  }
  call.set(0, parts.empty() ? at::zeros({0, x.size(1), height, width}, x.options()) : at::stack(parts));
}

Kernel make_max_roi_pool(const Site& site) {
  const auto shape = site.ints("pooled_shape");
  if (shape.size() != 2 || shape[0] < 1 || shape[1] < 1 || std::max(shape[0], shape[1]) > 4096)
    site.refuse("pooled_shape is not two numbers from 1 to 4096");
  return [shape, scale = site.float_or("spatial_scale", 1)](Call& call) {
    run_max_roi_pool(call, scale, shape[0], shape[1]);
  };
}

struct Box {
  float y1, x1, y2, x2;
  float area() const { return (y2 - y1) * (x2 - x1); }
};

Box read_box(const float* data, bool centred) {
  if (centred) {
    const float w = data[2] / 2, h = data[3] / 2;
    return {data[1] - h, data[0] - w, data[1] + h, data[0] + w};
  }
  return {std::min(data[0], data[2]), std::min(data[1], data[3]), std::max(data[0], data[2]),
          std::max(data[1], data[3])};
}

bool overlaps(const Box& a, const Box& b, float threshold) {
  const float height = std::min(a.y2, b.y2) - std::max(a.y1, b.y1), width = std::min(a.x2, b.x2) - std::max(a.x1, b.x1);
  if (height <= 0 || width <= 0) return false;
  const float shared = height * width, all = a.area() + b.area() - shared;
  return a.area() > 0 && b.area() > 0 && all > 0 && shared / all > threshold;
}

struct Suppression {
  int64_t most = 0;
  float overlap = 0;
  float score = -std::numeric_limits<float>::infinity();
};

// Indices of the boxes that stay, best first.
std::vector<int64_t> suppress(const std::vector<Box>& boxes, const float* scores, const Suppression& limits) {
  std::vector<int64_t> order, kept;
  for (size_t i = 0; i < boxes.size(); ++i)
    if (scores[i] > limits.score) order.push_back(static_cast<int64_t>(i));
  std::stable_sort(order.begin(), order.end(), [&](int64_t a, int64_t b) { return scores[a] > scores[b]; });
  for (const int64_t i : order) {
    if (static_cast<int64_t>(kept.size()) >= limits.most) break;
    const bool is_free = std::none_of(kept.begin(), kept.end(), [&](int64_t k) {
      return overlaps(boxes[static_cast<size_t>(i)], boxes[static_cast<size_t>(k)], limits.overlap);
    });
    if (is_free) kept.push_back(i);
  }
  return kept;
}

void run_non_max_suppression(const Call& call, bool centred) {
  const Tensor boxes = on_host(call.in(0), at::kFloat), scores = on_host(call.in(1), at::kFloat);
  TORCH_CHECK(boxes.dim() == 3 && scores.dim() == 3 && boxes.size(2) == 4 && boxes.size(0) == scores.size(0) &&
                  boxes.size(1) == scores.size(2),
              "boxes ", boxes.sizes(), " and scores ", scores.sizes(), " do not fit");
  Suppression limits;
  if (call.has(2)) limits.most = call.integer(2);
  if (call.has(3)) limits.overlap = static_cast<float>(call.number(3));
  if (call.has(4)) limits.score = static_cast<float>(call.number(4));
  const int64_t count = boxes.size(1);
  std::vector<int64_t> chosen;
  for (int64_t b = 0; b < boxes.size(0); ++b) {
    std::vector<Box> batch;
    for (int64_t i = 0; i < count; ++i)
      batch.push_back(read_box(boxes.const_data_ptr<float>() + (b * count + i) * 4, centred));
    for (int64_t c = 0; c < scores.size(1); ++c)
      for (const int64_t i : suppress(batch, scores.const_data_ptr<float>() + (b * scores.size(1) + c) * count, limits))
        chosen.insert(chosen.end(), {b, c, i});
  }
  call.set(0, at::tensor(chosen, at::kLong).reshape({-1, 3}).to(call.in(0).device()));
}

Kernel make_non_max_suppression(const Site& site) {
  return [centred = site.int_or("center_point_box", 0) != 0](Call& call) { run_non_max_suppression(call, centred); };
}

constexpr Operator kOperators[] = {
    {"MaxRoiPool", make_max_roi_pool},
    {"NonMaxSuppression", make_non_max_suppression, Gradient::zero},
    {"RoiAlign", make_roi_align},
};

}  // namespace

std::span<const Operator> object_detection_operators() { return kOperators; }

}  // namespace allot::exec
