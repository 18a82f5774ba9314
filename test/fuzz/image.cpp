// SPDX-License-Identifier: Apache-2.0
// A PNG or JPEG file: pixels as many as its size says, at any number of channels and any size.
#include "data/image_file.h"

#include "fuzz/target.h"

void allot::fuzz::parse(std::string_view bytes) {
  const auto image = data::decode_image(bytes, "image");
  ALLOT_ASSERT(image.pixels.size() == static_cast<size_t>(image.height * image.width * image.channels));
  if (image.pixels.size() > 1 << 20) return;
  for (const int64_t channels : {1, 3}) {
    const auto small = data::resized(data::with_channels(image, channels), 5, 3);
    ALLOT_ASSERT(small.pixels.size() == static_cast<size_t>(15 * channels));
  }
}
