// SPDX-License-Identifier: Apache-2.0
#include "data/image_file.h"

#include <algorithm>
#include <cmath>
#include <memory>

#include <png.h>
#include <turbojpeg.h>

#include "base/error.h"

namespace allot::data {
namespace {

using base::Error;
using base::ErrorKind;
using base::printable;

constexpr int64_t kMostBytes = 1 << 28;

[[noreturn]] void fail(const std::string& path, std::string_view what) {
  throw Error(ErrorKind::malformed, printable(path), what, "replace or remove it");
}

DecodedImage allocate(int64_t height, int64_t width, int64_t channels, const std::string& path) {
  if (height <= 0 || width <= 0 || width > kMostBytes || height > kMostBytes / (width * channels))
    fail(path, fmt::format("an image of {} x {} pixels is too large", width, height));
  return {height, width, channels, std::vector<uint8_t>(static_cast<size_t>(height * width * channels))};
}

DecodedImage decode_png(std::string_view bytes, const std::string& path) {
  struct Reader : png_image {
    Reader() : png_image{} { version = PNG_IMAGE_VERSION; }
    ~Reader() { ::png_image_free(this); }
  } reader;
  const auto damaged = [&] { fail(path, fmt::format("is a damaged PNG file: {}", printable(reader.message))); };
  if (::png_image_begin_read_from_memory(&reader, bytes.data(), bytes.size()) == 0) damaged();
  const bool is_color = (reader.format & (PNG_FORMAT_FLAG_COLOR | PNG_FORMAT_FLAG_COLORMAP)) != 0;
  reader.format = is_color ? PNG_FORMAT_RGB : PNG_FORMAT_GRAY;
  DecodedImage image = allocate(reader.height, reader.width, is_color ? 3 : 1, path);
  const png_color white{255, 255, 255};
  if (::png_image_finish_read(&reader, &white, image.pixels.data(), 0, nullptr) == 0) damaged();
  return image;
}

DecodedImage decode_jpeg(std::string_view bytes, const std::string& path) {
  const std::unique_ptr<void, int (*)(void*)> reader(::tjInitDecompress(), ::tjDestroy);
  const auto* const data = reinterpret_cast<const unsigned char*>(bytes.data());
  int width = 0, height = 0, subsampling = 0, colors = 0;
  const auto check = [&](int status) {
    if (status != 0) fail(path, fmt::format("is a damaged JPEG file: {}", printable(::tjGetErrorStr2(reader.get()))));
  };
  check(::tjDecompressHeader3(reader.get(), data, bytes.size(), &width, &height, &subsampling, &colors));
  if (colors == TJCS_CMYK || colors == TJCS_YCCK)
    throw Error(ErrorKind::unavailable, printable(path), "is a JPEG file in CMYK", "convert it to RGB");
  const bool is_grey = colors == TJCS_GRAY;
  DecodedImage image = allocate(height, width, is_grey ? 1 : 3, path);
  check(::tjDecompress2(reader.get(), data, bytes.size(), image.pixels.data(), width, 0, height,
                        is_grey ? TJPF_GRAY : TJPF_RGB, TJFLAG_ACCURATEDCT | TJFLAG_LIMITSCANS));
  return image;
}

// Along one axis: which old pixels a new one is made of, and their weights.
struct Tap {
  int64_t first = 0;
  std::vector<float> weights;
};

std::vector<Tap> taps(int64_t from, int64_t to, double scale, double offset) {
  const double reach = std::max(1.0, scale);
  std::vector<Tap> result;
  for (int64_t i = 0; i < to; ++i) {
    const double centre = (static_cast<double>(i) + 0.5) * scale + offset;
    Tap tap{std::max<int64_t>(0, static_cast<int64_t>(centre - reach + 0.5)), {}};
    const int64_t last = std::min(from, static_cast<int64_t>(centre + reach + 0.5));
    double sum = 0;
    for (int64_t x = tap.first; x < last; ++x) {
      const double weight = std::max(0.0, 1 - std::abs((static_cast<double>(x) + 0.5 - centre) / reach));
      tap.weights.push_back(static_cast<float>(weight));
      sum += weight;
    }
    for (float& weight : tap.weights) weight = static_cast<float>(weight / sum);
    result.push_back(std::move(tap));
  }
  return result;
}

}  // namespace

DecodedImage decode_image(std::string_view bytes, const std::string& path) {
  if (bytes.starts_with("\x89PNG")) return decode_png(bytes, path);
  if (bytes.starts_with("\xff\xd8")) return decode_jpeg(bytes, path);
  if (bytes.empty()) fail(path, "is empty");
  throw Error(ErrorKind::unavailable, printable(path), "is neither PNG nor JPEG", "convert it");
}

std::string encode_png(const DecodedImage& image) {
  png_image writer{};
  writer.version = PNG_IMAGE_VERSION;
  writer.width = static_cast<png_uint_32>(image.width);
  writer.height = static_cast<png_uint_32>(image.height);
  writer.format = image.channels == 1 ? PNG_FORMAT_GRAY : PNG_FORMAT_RGB;
  png_alloc_size_t size = PNG_IMAGE_PNG_SIZE_MAX(writer);
  std::string bytes(size, '\0');
  const int done = ::png_image_write_to_memory(&writer, bytes.data(), &size, 0, image.pixels.data(), 0, nullptr);
  ::png_image_free(&writer);
  ALLOT_ASSERT(done != 0);
  bytes.resize(size);
  return bytes;
}

DecodedImage with_channels(DecodedImage image, int64_t channels) {
  if (image.channels == channels) return image;
  DecodedImage result{image.height, image.width, channels, {}};
  const size_t pixels = static_cast<size_t>(image.height * image.width);
  result.pixels.resize(pixels * static_cast<size_t>(channels));
  for (size_t i = 0; i < pixels; ++i) {
    if (channels == 3) {
      std::fill_n(result.pixels.begin() + static_cast<std::ptrdiff_t>(3 * i), 3, image.pixels[i]);
    } else {
      const uint8_t* const rgb = image.pixels.data() + 3 * i;
      result.pixels[i] = static_cast<uint8_t>((299 * rgb[0] + 587 * rgb[1] + 114 * rgb[2] + 500) / 1000);  // ITU-R 601
    }
  }
  return result;
}

DecodedImage resized(const DecodedImage& image, int64_t height, int64_t width) {
  if (image.height == height && image.width == width) return image;
  const double scale = std::min(static_cast<double>(image.height) / static_cast<double>(height),
                                static_cast<double>(image.width) / static_cast<double>(width));
  const auto offset = [&](int64_t from, int64_t to) {
    return (static_cast<double>(from) - static_cast<double>(to) * scale) / 2;
  };
  const auto columns = taps(image.width, width, scale, offset(image.width, width));
  const auto rows = taps(image.height, height, scale, offset(image.height, height));
  const auto channels = static_cast<size_t>(image.channels), row_size = static_cast<size_t>(width) * channels;
  // Rows that the cut-out leaves, already as wide as they shall be.
  const auto first = static_cast<size_t>(rows.front().first);
  const size_t last = static_cast<size_t>(rows.back().first) + rows.back().weights.size();
  std::vector<float> narrow((last - first) * row_size);
  for (size_t y = first; y < last; ++y) {
    const uint8_t* const from = image.pixels.data() + y * static_cast<size_t>(image.width) * channels;
    float* const to = narrow.data() + (y - first) * row_size;
    for (size_t x = 0; x < columns.size(); ++x)
      for (size_t k = 0; k < columns[x].weights.size(); ++k)
        for (size_t c = 0; c < channels; ++c)
          to[x * channels + c] += columns[x].weights[k] *
                                  static_cast<float>(from[(static_cast<size_t>(columns[x].first) + k) * channels + c]);
  }
  DecodedImage result{height, width, image.channels, std::vector<uint8_t>(static_cast<size_t>(height) * row_size)};
  std::vector<float> sum(row_size);
  for (size_t y = 0; y < rows.size(); ++y) {
    std::fill(sum.begin(), sum.end(), 0.0f);
    for (size_t k = 0; k < rows[y].weights.size(); ++k)
      for (size_t i = 0; i < row_size; ++i)
        sum[i] += rows[y].weights[k] * narrow[(static_cast<size_t>(rows[y].first) + k - first) * row_size + i];
    for (size_t i = 0; i < row_size; ++i)
      result.pixels[y * row_size + i] = static_cast<uint8_t>(std::clamp(sum[i] + 0.5f, 0.0f, 255.0f));
  }
  return result;
}

}  // namespace allot::data
