// SPDX-License-Identifier: Apache-2.0
#include "contrast/pictures.h"

#include <cstdint>

#include <fmt/core.h>

namespace allot::contrast {

std::string base64(std::string_view bytes) {
  static constexpr char kDigits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string text;
  for (size_t i = 0; i < bytes.size(); i += 3) {
    uint32_t group = 0;
    for (size_t j = 0; j < 3; ++j)
      group = group << 8 | (i + j < bytes.size() ? static_cast<unsigned char>(bytes[i + j]) : 0u);
    for (size_t j = 0; j < 4; ++j) text += i + j > bytes.size() ? '=' : kDigits[group >> (18 - 6 * j) & 63];
  }
  return text;
}

std::string picture_html(const data::DecodedImage& image) {
  const int64_t scale = image.width <= 64 ? 2 : 1;
  return fmt::format(R"(<img alt="" width="{}" height="{}" src="data:image/png;base64,{}">)", image.width * scale,
                     image.height * scale, base64(data::encode_png(image)));
}

}  // namespace allot::contrast
