// SPDX-License-Identifier: Apache-2.0
// RandAugment: a few operations, drawn with equal chance, at one magnitude.
#pragma once

#include <array>
#include <cstdint>

#include "base/rng.h"
#include "data/planes.h"

namespace allot::data {

/// One operation at magnitude level / 10; operations that move pixels draw their direction, cutout its place.
/// Levels above 10 go beyond the nominal range, as published settings do.
using ImageOperation = void (*)(Pixels& image, double level, base::Rng& rng);

/// The 15 operations by name, in the published order: AutoContrast Equalize Invert Rotate Posterize Solarize Color
/// Contrast Brightness Sharpness ShearX ShearY TranslateX TranslateY Cutout.
struct NamedOperation {
  const char* name;
  ImageOperation apply;
};
extern const std::array<NamedOperation, 15> kImageOperations;

/// Draws `count` operations; each is applied with a probability that is drawn once an image from [0.2, 0.8).
/// Source: Cubuk et al., "RandAugment", 2019, with the constants of Meta Pseudo Labels (mpl 1.7).
void rand_augment(Pixels& image, int64_t count, double magnitude, base::Rng& rng);

/// Fills the square of 2 * half pixels around a random pixel, as much of it as is inside, with grey (128).
void cut_out(Pixels& image, int64_t half, base::Rng& rng);

}  // namespace allot::data
