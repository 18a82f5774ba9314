// SPDX-License-Identifier: Apache-2.0
// Views of images: scaling, and weak and strong augmentation.
#pragma once

#include <cstdint>
#include <memory>
#include <span>

#include "data/view.h"

namespace allot::data {

struct ImageGeometry {
  int64_t channels = 0, height = 0, width = 0;
  bool channels_last = false;  // of the array's rows
};

/// Geometry of an array's rows: [H, W], [C, H, W] or [H, W, C] with at most 4 channels. `wanted`, unless zero, says
/// what flat rows of as many elements are, and which of the last two small ones are. Errors: malformed, naming the
/// array.
ImageGeometry geometry_of(const Array& array, const ImageGeometry& wanted = {});

enum class ImageAugmentation : uint8_t {
  none,
  weak,           // mirrored or not, padded and cropped (mpl 1.7)
  strong,         // the weak view, then RandAugment, cutout, and a second mirroring and crop (mpl 1.7)
  digits_weak,    // moved by up to one pixel in half of the cases (mpl 5.4)
  digits_strong,  // moved, turned, scaled, with noise and a small cutout; never mirrored (mpl 5.4)
};

struct ImageOptions {
  ImageAugmentation augmentation = ImageAugmentation::none;
  ImageGeometry geometry{};             // geometry_of's `wanted`
  Scaling scaling{1.0f / 255, {}, {}};  // its factor brings pixels to [0, 1]
  bool channels_last = false;           // of what the view makes: [H, W, C] instead of [C, H, W]
  bool flip = true;                     // weak, strong: mirror half of the images
  int64_t pad = -1;        // weak, strong: pixels that a crop moves by at most; negative: an eighth of the size
  int64_t operations = 2;  // strong: RandAugment's N
  double magnitude = 16;   // strong: RandAugment's M, of 10
  bool cutout = true;      // strong: an erased square of half the size in the end
};

/// float32 images. Strong augmentation works on 256 levels; arrays of other types are rounded to them.
std::unique_ptr<View> image_view(const Array& array, const ImageOptions& options);

/// Mean and deviation by channel of `items` after multiplication by `factor`.
Scaling standardise(const Array& array, const ImageGeometry& geometry, std::span<const int64_t> items,
                    float factor = 1.0f / 255);

}  // namespace allot::data
