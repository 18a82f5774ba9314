// SPDX-License-Identifier: Apache-2.0
// PNG and JPEG files as pixels.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace allot::data {

/// 8 bits a channel, [height, width, channels] with 1 (grey) or 3 (RGB) channels.
struct DecodedImage {
  int64_t height = 0, width = 0, channels = 0;
  std::vector<uint8_t> pixels;
};

/// Decodes by content; what is transparent lies on white. Errors, naming `path`: malformed for damage, a file cut short
/// and more than 2^28 bytes of pixels, which are refused before they are allocated; unavailable for other formats and
/// CMYK.
DecodedImage decode_image(std::string_view bytes, const std::string& path);

/// A PNG file of an image.
std::string encode_png(const DecodedImage& image);

/// The same image with 1 or 3 channels.
DecodedImage with_channels(DecodedImage image, int64_t channels);

/// Scaled until it covers height x width and cut about its centre. Each new pixel is the mean of the old ones under a
/// triangle as wide as the scale, as Pillow's bilinear filter has it.
DecodedImage resized(const DecodedImage& image, int64_t height, int64_t width);

}  // namespace allot::data
