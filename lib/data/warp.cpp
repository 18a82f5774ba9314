// SPDX-License-Identifier: Apache-2.0
#include "data/warp.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace allot::data {

template <typename T>
void shift_and_flip(Planes<T>& image, int64_t dx, int64_t dy, bool flip) {
  if (dx == 0 && dy == 0 && !flip) return;
  const int64_t height = image.height(), width = image.width();
  const int64_t first = std::clamp<int64_t>(dx, 0, width), last = std::clamp<int64_t>(width + dx, 0, width);
  Planes<T> moved(image.channels(), height, width);
  for (int64_t c = 0; c < image.channels(); ++c) {
    for (int64_t y = std::max<int64_t>(dy, 0); y < std::min(height, height + dy); ++y) {
      const T* const from = image.plane(c).data() + (y - dy) * width;
      T* const to = moved.plane(c).data() + y * width;
      if (first < last) std::copy(from + first - dx, from + last - dx, to + first);
      if (flip) std::reverse(to, to + width);
    }
  }
  image = std::move(moved);
}
template void shift_and_flip(Planes<uint8_t>&, int64_t, int64_t, bool);
template void shift_and_flip(Planes<float>&, int64_t, int64_t, bool);

Affine Affine::about_centre(int64_t height, int64_t width, double degrees, double scale, double dx, double dy) {
  const double angle = degrees * std::numbers::pi / 180, cx = (static_cast<double>(width) - 1) / 2;
  const double cy = (static_cast<double>(height) - 1) / 2;
  const double cosine = std::cos(angle) / scale, sine = std::sin(angle) / scale;
  const double px = -cx - dx, py = -cy - dy;
  return {cosine, sine, cosine * px + sine * py + cx, -sine, cosine, -sine * px + cosine * py + cy};
}

void warp_nearest(Pixels& image, const Affine& source, uint8_t fill) {
  constexpr double kOne = 1 << 16;
  const auto fixed = [](double value) { return static_cast<int64_t>(std::llround(value * kOne)); };
  const int64_t height = image.height(), width = image.width();
  const int64_t step_x = fixed(source.xx), step_y = fixed(source.yx);
  std::vector<int32_t> from(image.pixels());  // index within a plane, or -1
  for (int64_t y = 0, i = 0; y < height; ++y) {
    int64_t sx = fixed(source.xy * static_cast<double>(y) + source.x0 + 0.5);
    int64_t sy = fixed(source.yy * static_cast<double>(y) + source.y0 + 0.5);
    for (int64_t x = 0; x < width; ++x, ++i, sx += step_x, sy += step_y) {
      const int64_t px = sx >> 16, py = sy >> 16;
      const bool inside = static_cast<uint64_t>(px) < static_cast<uint64_t>(width) &&
                          static_cast<uint64_t>(py) < static_cast<uint64_t>(height);
      from[static_cast<size_t>(i)] = inside ? static_cast<int32_t>(py * width + px) : -1;
    }
  }
  Pixels warped(image.channels(), height, width);
  for (int64_t c = 0; c < image.channels(); ++c) {
    const auto in = image.plane(c);
    const auto out = warped.plane(c);
    for (size_t i = 0; i < from.size(); ++i) out[i] = from[i] < 0 ? fill : in[static_cast<size_t>(from[i])];
  }
  image = std::move(warped);
}

void warp_bilinear(Planes<float>& image, const Affine& source) {
  const int64_t height = image.height(), width = image.width();
  Planes<float> warped(image.channels(), height, width);
  for (int64_t y = 0; y < height; ++y) {
    for (int64_t x = 0; x < width; ++x) {
      const double sx = source.xx * static_cast<double>(x) + source.xy * static_cast<double>(y) + source.x0;
      const double sy = source.yx * static_cast<double>(x) + source.yy * static_cast<double>(y) + source.y0;
      if (!(sx > -1 && sx < static_cast<double>(width) && sy > -1 && sy < static_cast<double>(height))) continue;
      const auto left = static_cast<int64_t>(std::floor(sx)), top = static_cast<int64_t>(std::floor(sy));
      const auto right = static_cast<float>(sx - std::floor(sx)), below = static_cast<float>(sy - std::floor(sy));
      const auto weighted = [&](int64_t c, int64_t py, int64_t px, float weight) {
        return px >= 0 && px < width && py >= 0 && py < height ? weight * image.at(c, py, px) : 0.0f;
      };
      for (int64_t c = 0; c < image.channels(); ++c)
        warped.at(c, y, x) =
            weighted(c, top, left, (1 - below) * (1 - right)) + weighted(c, top, left + 1, (1 - below) * right) +
            weighted(c, top + 1, left, below * (1 - right)) + weighted(c, top + 1, left + 1, below * right);
    }
  }
  image = std::move(warped);
}

}  // namespace allot::data
