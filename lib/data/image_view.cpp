// SPDX-License-Identifier: Apache-2.0
#include "data/image_view.h"

#include <algorithm>
#include <cmath>

#include "data/planes.h"
#include "data/rand_augment.h"
#include "data/warp.h"

namespace allot::data {
namespace {

constexpr int64_t kMostChannels = 4;

// What strong augmentation of digits does at most (mpl 5.4).
constexpr double kDigitShift = 1, kDigitDegrees = 15, kDigitScale = 0.1, kDigitNoise = 0.1;
constexpr int64_t kDigitCutout = 2;

double within(base::Rng& rng, double most) { return (2 * rng.uniform() - 1) * most; }

float channel_value(const std::vector<float>& values, int64_t c, float none) {
  return values.empty() ? none : values[values.size() == 1 ? 0 : static_cast<size_t>(c)];
}

class ImageView final : public View {
 public:
  ImageView(const Array& array, const ImageGeometry& geometry, const ImageOptions& options)
      : View(array, DType::float32, shape(geometry, options)), geometry_(geometry), options_(options) {
    const auto channels = static_cast<size_t>(geometry.channels);
    for (const auto* values : {&options.scaling.mean, &options.scaling.deviation})
      ALLOT_ASSERT(values->size() <= 1 || values->size() == channels);
    for (auto* pad : {&pad_x_, &pad_y_}) *pad = options.pad;
    if (options.pad < 0) pad_x_ = geometry.width / 8, pad_y_ = geometry.height / 8;
    is_digits_ = options.augmentation == ImageAugmentation::digits_weak ||
                 options.augmentation == ImageAugmentation::digits_strong;
  }

 private:
  static std::vector<int64_t> shape(const ImageGeometry& geometry, const ImageOptions& options) {
    if (options.channels_last) return {geometry.height, geometry.width, geometry.channels};
    return {geometry.channels, geometry.height, geometry.width};
  }

  void make(int64_t item, const Draw& draw, uint32_t row, std::byte* out) const override {
    const std::span values(reinterpret_cast<float*>(out), item_bytes() / sizeof(float));
    const bool is_strong = options_.augmentation == ImageAugmentation::strong;
    base::Rng geometry = rng(draw, row, Use::geometry), content = rng(draw, row, Use::content);
    if (is_strong || (array().dtype == DType::uint8 && !is_digits_)) {
      Pixels image = load_pixels(item);
      if (options_.augmentation != ImageAugmentation::none) crop(image, geometry);
      if (is_strong) strengthen(image, content);
      normalise(image, array().dtype == DType::uint8 ? options_.scaling.factor : 1.0f / 255, values);
    } else {
      Planes<float> image = load<float>(item, [&](auto x) { return static_cast<float>(x) * options_.scaling.factor; });
      if (options_.augmentation == ImageAugmentation::weak) crop(image, geometry);
      if (options_.augmentation == ImageAugmentation::digits_weak) nudge(image, geometry);
      if (options_.augmentation == ImageAugmentation::digits_strong) distort(image, content);
      normalise(image, 1, values);
    }
  }

  template <typename T, typename Convert>
  Planes<T> load(int64_t item, const Convert& convert) const {
    Planes<T> image(geometry_.channels, geometry_.height, geometry_.width);
    const auto copy = [&](const auto row) {
      const auto channels = static_cast<size_t>(geometry_.channels), pixels = image.pixels();
      const auto to = image.values();
      if (!geometry_.channels_last || channels == 1) {
        for (size_t i = 0; i < to.size(); ++i) to[i] = convert(row[i]);
      } else {
        for (size_t c = 0; c < channels; ++c)
          for (size_t i = 0; i < pixels; ++i) to[c * pixels + i] = convert(row[i * channels + c]);
      }
    };
    switch (array().dtype) {
      case DType::uint8:
        copy(array().row<uint8_t>(item));
        break;
      case DType::int64:
        copy(array().row<int64_t>(item));
        break;
      case DType::float32:
        copy(array().row<float>(item));
        break;
    }
    return image;
  }

  Pixels load_pixels(int64_t item) const {
    if (array().dtype == DType::uint8) return load<uint8_t>(item, [](auto x) { return static_cast<uint8_t>(x); });
    const float levels = 255 * options_.scaling.factor;
    return load<uint8_t>(item, [levels](auto x) {
      return static_cast<uint8_t>(std::clamp(static_cast<float>(x) * levels + 0.5f, 0.0f, 255.0f));
    });
  }

  // A crop of the padded image is the image moved the other way.
  template <typename T>
  void crop(Planes<T>& image, base::Rng& rng) const {
    const int64_t dx = static_cast<int64_t>(rng.below(static_cast<uint32_t>(2 * pad_x_ + 1))) - pad_x_;
    const int64_t dy = static_cast<int64_t>(rng.below(static_cast<uint32_t>(2 * pad_y_ + 1))) - pad_y_;
    const bool is_flipped = rng.below(2) == 1;
    shift_and_flip(image, dx, dy, options_.flip && is_flipped);
  }

  void strengthen(Pixels& image, base::Rng& rng) const {
    rand_augment(image, options_.operations, options_.magnitude, rng);
    if (options_.cutout) cut_out(image, std::min(image.height(), image.width()) / 4, rng);
    crop(image, rng);
  }

  static void nudge(Planes<float>& image, base::Rng& rng) {
    const int64_t dx = static_cast<int64_t>(rng.below(3)) - 1, dy = static_cast<int64_t>(rng.below(3)) - 1;
    if (rng.below(2) == 1) shift_and_flip(image, dx, dy, false);
  }

  static void distort(Planes<float>& image, base::Rng& rng) {
    const double dx = within(rng, kDigitShift), dy = within(rng, kDigitShift), degrees = within(rng, kDigitDegrees);
    const double scale = 1 + within(rng, kDigitScale);
    warp_bilinear(image, Affine::about_centre(image.height(), image.width(), degrees, scale, dx, dy));
    for (float& pixel : image.values()) pixel += static_cast<float>(kDigitNoise * rng.normal());
    const auto corner = [&](int64_t size) {
      return static_cast<int64_t>(rng.below(static_cast<uint32_t>(std::max<int64_t>(1, size - kDigitCutout + 1))));
    };
    const int64_t top = corner(image.height()), left = corner(image.width());
    for (int64_t c = 0; c < image.channels(); ++c)
      for (int64_t y = top; y < std::min(image.height(), top + kDigitCutout); ++y)
        for (int64_t x = left; x < std::min(image.width(), left + kDigitCutout); ++x) image.at(c, y, x) = 0;
  }

  template <typename T>
  void normalise(const Planes<T>& image, float factor, std::span<float> out) const {
    for (int64_t c = 0; c < image.channels(); ++c) {
      const float deviation = channel_value(options_.scaling.deviation, c, 1);
      const float slope = factor / deviation, offset = -channel_value(options_.scaling.mean, c, 0) / deviation;
      const auto plane = image.plane(c);
      const size_t step = options_.channels_last ? static_cast<size_t>(image.channels()) : 1;
      float* const to =
          out.data() + (options_.channels_last ? static_cast<size_t>(c) : static_cast<size_t>(c) * plane.size());
      for (size_t i = 0; i < plane.size(); ++i) to[i * step] = static_cast<float>(plane[i]) * slope + offset;
    }
  }

  ImageGeometry geometry_;
  ImageOptions options_;
  int64_t pad_x_ = 0, pad_y_ = 0;
  bool is_digits_ = false;
};

}  // namespace

ImageGeometry geometry_of(const Array& array, const ImageGeometry& wanted) {
  const std::vector<int64_t> dims(array.shape.begin() + 1, array.shape.end());
  const bool has_wish = wanted.channels > 0;
  const auto is_as_wished = [&](const ImageGeometry& image) {
    return !has_wish ||
           (image.channels == wanted.channels && image.height == wanted.height && image.width == wanted.width);
  };
  ImageGeometry found;
  if (dims.size() == 2) found = {1, dims[0], dims[1], false};
  if (dims.size() == 3) {
    const ImageGeometry first{dims[0], dims[1], dims[2], false}, last{dims[2], dims[0], dims[1], true};
    const bool is_last = dims[0] > kMostChannels && dims[2] <= kMostChannels;
    found = is_last || (has_wish && is_as_wished(last) && !is_as_wished(first)) ? last : first;  // 4x4x1 may be both
  }
  const bool is_image = found.channels > 0 && found.channels <= kMostChannels && found.height > 0 && found.width > 0;
  if (is_image && is_as_wished(found)) return found;
  if (dims.size() == 1 && dims[0] > 0 && has_wish && wanted.channels * wanted.height * wanted.width == dims[0])
    return wanted;
  std::string shape;
  for (const int64_t dim : dims) shape += fmt::format("{}{}", shape.empty() ? "" : "x", dim);
  throw base::Error(base::ErrorKind::malformed, fmt::format("array '{}'", base::printable(array.name)),
                    has_wish ? fmt::format("items of {} are no images of {} channels, {}x{}", shape, wanted.channels,
                                           wanted.height, wanted.width)
                             : fmt::format("items of {} are no images", shape),
                    "images are [H, W], [C, H, W] or [H, W, C] with at most 4 channels");
}

std::unique_ptr<View> image_view(const Array& array, const ImageOptions& options) {
  return std::make_unique<ImageView>(array, geometry_of(array, options.geometry), options);
}

Scaling standardise(const Array& array, const ImageGeometry& geometry, std::span<const int64_t> items, float factor) {
  ImageOptions plain{.geometry = geometry, .scaling = {factor, {}, {}}};
  const auto view = image_view(array, plain);
  const auto channels = static_cast<size_t>(view->shape()[0]);
  const size_t pixels = view->item_bytes() / sizeof(float) / channels;
  std::vector<float> image(channels * pixels);
  std::vector<double> sum(channels), squares(channels);
  for (const int64_t item : items) {
    view->fill({&item, 1}, {}, std::as_writable_bytes(std::span(image)));
    for (size_t i = 0; i < image.size(); ++i)
      sum[i / pixels] += image[i], squares[i / pixels] += double{image[i]} * image[i];
  }
  const double count = std::max(1.0, static_cast<double>(items.size() * pixels));
  Scaling scaling{factor, {}, {}};
  for (size_t c = 0; c < channels; ++c) {
    const double mean = sum[c] / count, variance = squares[c] / count - mean * mean;
    scaling.mean.push_back(static_cast<float>(mean));
    scaling.deviation.push_back(variance > 1e-12 ? static_cast<float>(std::sqrt(variance)) : 1.0f);
  }
  return scaling;
}

}  // namespace allot::data
