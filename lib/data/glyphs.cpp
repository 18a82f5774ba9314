// SPDX-License-Identifier: Apache-2.0
#include "data/glyphs.h"

#include <algorithm>
#include <cmath>

#include "base/rng.h"
#include "data/planes.h"
#include "data/streams.h"
#include "data/warp.h"

namespace allot::data {
namespace {

constexpr int kPoints = 5;  // of the line that a glyph is
constexpr uint64_t kMostBytes = 16ull << 30;
constexpr double kNoise = 0.2, kShift = 1, kDegrees = 10, kScale = 0.1;

double distance_to_segment(double x, double y, double ax, double ay, double bx, double by) {
  const double dx = bx - ax, dy = by - ay, length = dx * dx + dy * dy;
  const double at = length == 0 ? 0 : std::clamp(((x - ax) * dx + (y - ay) * dy) / length, 0.0, 1.0);
  return std::hypot(x - ax - at * dx, y - ay - at * dy);
}

// A line through random points, about a pixel and a half wide.
Planes<float> draw_glyph(base::Rng& rng, int64_t size) {
  double x[kPoints], y[kPoints];
  for (int i = 0; i < kPoints; ++i) {
    x[i] = 1 + rng.uniform() * static_cast<double>(size - 3);
    y[i] = 1 + rng.uniform() * static_cast<double>(size - 3);
  }
  Planes<float> image(1, size, size);
  for (int64_t row = 0; row < size; ++row) {
    for (int64_t column = 0; column < size; ++column) {
      double nearest = static_cast<double>(size);
      for (int i = 0; i + 1 < kPoints; ++i)
        nearest = std::min(nearest, distance_to_segment(static_cast<double>(column), static_cast<double>(row), x[i],
                                                        y[i], x[i + 1], y[i + 1]));
      image.at(0, row, column) = static_cast<float>(std::clamp(1.25 - nearest, 0.0, 1.0));
    }
  }
  return image;
}

}  // namespace

Dataset glyphs(const GenerateOptions& options) {
  const int64_t classes = options.classes > 0 ? options.classes : 10, size = options.size, count = options.per_class;
  const double noise = options.noise >= 0 ? options.noise : kNoise;
  const std::vector<int64_t> shape{classes * count, 1, size, size};
  std::vector<float> x(checked_bytes(shape, DType::float32, kMostBytes, "glyphs") / sizeof(float));
  std::vector<int64_t> y;
  auto out = x.begin();
  for (int64_t c = 0; c < classes; ++c) {
    base::Rng strokes(options.seed, kGenerateStream, 1, static_cast<uint32_t>(c));
    const Planes<float> glyph = draw_glyph(strokes, size);
    for (int64_t i = 0; i < count; ++i) {
      base::Rng rng(options.seed, kGenerateStream, 0, static_cast<uint32_t>(c * count + i));
      const auto within = [&](double most) { return (2 * rng.uniform() - 1) * most; };
      const double degrees = within(kDegrees), scale = 1 + within(kScale), dx = within(kShift), dy = within(kShift);
      Planes<float> image = glyph;
      warp_bilinear(image, Affine::about_centre(size, size, degrees, scale, dx, dy));
      for (const float pixel : image.values()) *out++ = pixel + static_cast<float>(noise * rng.normal());
      y.push_back(c);
    }
  }
  Dataset dataset;
  dataset.origin = "glyphs";
  dataset.features = {make_array("x", shape, std::move(x))};
  dataset.label_kind = LabelKind::classes;
  dataset.labels = make_array("y", {classes * count}, std::move(y));
  return dataset;
}

}  // namespace allot::data
