// SPDX-License-Identifier: Apache-2.0
// Levels become arguments as in the code released with Meta Pseudo Labels; what an operation does to pixels is as in
// Pillow, which that code means to copy. Where the two differ (contrast about the number of pixels instead of their
// mean, wrapped-around extrapolation), it is Pillow's.
#include "data/rand_augment.h"

#include <algorithm>
#include <cmath>

#include "data/warp.h"

namespace allot::data {
namespace {

constexpr double kMostLevel = 10;
constexpr uint8_t kGrey = 128;

using Table = std::array<uint8_t, 256>;

void look_up(std::span<uint8_t> plane, const Table& table) {
  for (uint8_t& pixel : plane) pixel = table[pixel];
}

std::array<uint32_t, 256> histogram(std::span<const uint8_t> plane) {
  std::array<uint32_t, 256> counts{};
  for (const uint8_t pixel : plane) ++counts[pixel];
  return counts;
}

uint8_t saturate(float value) { return static_cast<uint8_t>(std::clamp(value + 0.5f, 0.0f, 255.0f)); }

double signed_part(double level, double most, base::Rng& rng) {
  const double value = level / kMostLevel * most;
  return rng.below(2) == 0 ? value : -value;
}

float enhancement(double level) { return static_cast<float>(level / kMostLevel * 1.8 + 0.1); }

void auto_contrast(Pixels& image, double, base::Rng&) {
  for (int64_t c = 0; c < image.channels(); ++c) {
    const auto plane = image.plane(c);
    const auto [low, high] = std::minmax_element(plane.begin(), plane.end());
    if (low == plane.end() || *low == *high) continue;
    const int lowest = *low, range = *high - *low;
    Table table{};
    for (int i = 0; i < 256; ++i) table[i] = static_cast<uint8_t>(std::clamp((i - lowest) * 255 / range, 0, 255));
    look_up(plane, table);
  }
}

void equalize(Pixels& image, double, base::Rng&) {
  for (int64_t c = 0; c < image.channels(); ++c) {
    const auto plane = image.plane(c);
    const auto counts = histogram(plane);
    const auto last = std::find_if(counts.rbegin(), counts.rend(), [](uint32_t count) { return count > 0; });
    const auto step = last == counts.rend() ? 0 : (static_cast<uint32_t>(plane.size()) - *last) / 255;
    if (step == 0) continue;
    Table table{};
    uint32_t below = step / 2;
    for (int i = 0; i < 256; below += counts[i++]) table[i] = static_cast<uint8_t>(std::min(below / step, 255u));
    look_up(plane, table);
  }
}

void invert(Pixels& image, double, base::Rng&) {
  for (uint8_t& pixel : image.values()) pixel = static_cast<uint8_t>(255 - pixel);
}

void rotate(Pixels& image, double level, base::Rng& rng) {
  const double degrees = signed_part(level, 30, rng);
  warp_nearest(image, Affine::about_centre(image.height(), image.width(), degrees, 1, 0, 0), kGrey);
}

// Keeps more bits at higher levels, as published.
void posterize(Pixels& image, double level, base::Rng&) {
  const int bits = std::clamp(static_cast<int>(level / kMostLevel * 4), 0, 8);
  const auto kept = static_cast<uint8_t>(0xFF00 >> bits);
  for (uint8_t& pixel : image.values()) pixel &= kept;
}

// The released code's threshold is 8 bits wide, so that levels above 10 begin anew from 0.
void solarize(Pixels& image, double level, base::Rng&) {
  const auto threshold = static_cast<uint8_t>(static_cast<int64_t>(level / kMostLevel * 256));
  for (uint8_t& pixel : image.values()) pixel = pixel < threshold ? pixel : static_cast<uint8_t>(255 - pixel);
}

// ITU-R 601 luma of three channels, the mean of any other number; whole levels.
std::vector<float> luma(const Pixels& image) {
  std::vector<float> grey(image.pixels());
  const float even = 1.0f / static_cast<float>(image.channels());
  const std::array<float, 3> weights{0.299f, 0.587f, 0.114f};
  for (int64_t c = 0; c < image.channels(); ++c) {
    const float weight = image.channels() == 3 ? weights[static_cast<size_t>(c)] : even;
    const auto plane = image.plane(c);
    for (size_t i = 0; i < grey.size(); ++i) grey[i] += weight * static_cast<float>(plane[i]);
  }
  for (float& level : grey) level = static_cast<float>(static_cast<int>(level + 0.5f));
  return grey;
}

// pixel -> base + factor * (pixel - base)
void blend(std::span<uint8_t> plane, std::span<const float> base, float factor) {
  for (size_t i = 0; i < plane.size(); ++i)
    plane[i] = saturate(base[i] + factor * (static_cast<float>(plane[i]) - base[i]));
}

void color(Pixels& image, double level, base::Rng&) {
  const auto grey = luma(image);
  for (int64_t c = 0; c < image.channels(); ++c) blend(image.plane(c), grey, enhancement(level));
}

void blend_with_constant(Pixels& image, float base, double level) {
  Table table{};
  for (int i = 0; i < 256; ++i) table[i] = saturate(base + enhancement(level) * (static_cast<float>(i) - base));
  look_up(image.values(), table);
}

void contrast(Pixels& image, double level, base::Rng&) {
  double sum = 0;
  for (const float grey : luma(image)) sum += grey;
  const double mean = image.pixels() == 0 ? 0 : sum / static_cast<double>(image.pixels());
  blend_with_constant(image, std::floor(static_cast<float>(mean) + 0.5f), level);
}

void brightness(Pixels& image, double level, base::Rng&) { blend_with_constant(image, 0, level); }

// Away from a mean over 3 x 3 pixels, with weight 5 in the middle; the border stays.
void sharpness(Pixels& image, double level, base::Rng&) {
  const int64_t height = image.height(), width = image.width();
  std::vector<float> smooth(image.pixels());
  for (int64_t c = 0; c < image.channels(); ++c) {
    const auto plane = image.plane(c);
    std::copy(plane.begin(), plane.end(), smooth.begin());
    for (int64_t y = 1; y + 1 < height; ++y) {
      const uint8_t* const row = plane.data() + y * width;
      for (int64_t x = 1; x + 1 < width; ++x) {
        const uint8_t *above = row + x - width, *at = row + x, *below = row + x + width;
        const int sum = above[-1] + above[0] + above[1] + at[-1] + 5 * at[0] + at[1] + below[-1] + below[0] + below[1];
        smooth[static_cast<size_t>(y * width + x)] = static_cast<float>((sum + 6) / 13);
      }
    }
    blend(plane, smooth, enhancement(level));
  }
}

void shear_x(Pixels& image, double level, base::Rng& rng) {
  warp_nearest(image, {.xy = signed_part(level, 0.3, rng)}, kGrey);
}

void shear_y(Pixels& image, double level, base::Rng& rng) {
  warp_nearest(image, {.yx = signed_part(level, 0.3, rng)}, kGrey);
}

void translate_x(Pixels& image, double level, base::Rng& rng) {
  warp_nearest(image, {.x0 = signed_part(level, static_cast<double>(image.width()) / 8, rng)}, kGrey);
}

void translate_y(Pixels& image, double level, base::Rng& rng) {
  warp_nearest(image, {.y0 = signed_part(level, static_cast<double>(image.height()) / 8, rng)}, kGrey);
}

void cutout(Pixels& image, double level, base::Rng& rng) {
  const auto size = static_cast<double>(std::min(image.height(), image.width()));
  cut_out(image, static_cast<int64_t>(level / kMostLevel * size / 8), rng);
}

}  // namespace

const std::array<NamedOperation, 15> kImageOperations{{{"AutoContrast", auto_contrast},
                                                       {"Equalize", equalize},
                                                       {"Invert", invert},
                                                       {"Rotate", rotate},
                                                       {"Posterize", posterize},
                                                       {"Solarize", solarize},
                                                       {"Color", color},
                                                       {"Contrast", contrast},
                                                       {"Brightness", brightness},
                                                       {"Sharpness", sharpness},
                                                       {"ShearX", shear_x},
                                                       {"ShearY", shear_y},
                                                       {"TranslateX", translate_x},
                                                       {"TranslateY", translate_y},
                                                       {"Cutout", cutout}}};

void rand_augment(Pixels& image, int64_t count, double magnitude, base::Rng& rng) {
  const double probability = 0.2 + 0.6 * rng.uniform();
  for (int64_t i = 0; i < count; ++i) {
    const NamedOperation& operation = kImageOperations[rng.below(kImageOperations.size())];
    if (rng.uniform() < probability) operation.apply(image, magnitude, rng);
  }
}

void cut_out(Pixels& image, int64_t half, base::Rng& rng) {
  const int64_t y = rng.below(static_cast<uint32_t>(image.height()));
  const int64_t x = rng.below(static_cast<uint32_t>(image.width()));
  const int64_t left = std::max<int64_t>(0, x - half), right = std::min(image.width(), x + half);
  for (int64_t c = 0; c < image.channels(); ++c)
    for (int64_t row = std::max<int64_t>(0, y - half); row < std::min(image.height(), y + half); ++row)
      std::fill_n(&image.at(c, row, left), right - left, kGrey);
}

}  // namespace allot::data
