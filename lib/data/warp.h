// SPDX-License-Identifier: Apache-2.0
// Moving pixels: crops, mirroring and affine maps.
#pragma once

#include <cstdint>

#include "data/planes.h"

namespace allot::data {

/// Moves an image by (dx, dy), then mirrors it left to right if asked; what comes in from outside is 0.
template <typename T>
void shift_and_flip(Planes<T>& image, int64_t dx, int64_t dy, bool flip);

/// Where each pixel comes from: (x, y) -> (xx * x + xy * y + x0, yx * x + yy * y + y0).
struct Affine {
  double xx = 1, xy = 0, x0 = 0, yx = 0, yy = 1, y0 = 0;

  /// The map that turns by `degrees`, scales by `scale` about the centre of an image and then moves it by (dx, dy).
  static Affine about_centre(int64_t height, int64_t width, double degrees, double scale, double dx, double dy);
};

/// The nearest pixel; `fill` outside.
void warp_nearest(Pixels& image, const Affine& source, uint8_t fill);
/// Between four pixels; 0 outside.
void warp_bilinear(Planes<float>& image, const Affine& source);

}  // namespace allot::data
