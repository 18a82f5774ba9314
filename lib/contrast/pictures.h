// SPDX-License-Identifier: Apache-2.0
// Pictures on pages.
#pragma once

#include <string>

#include "data/image_file.h"

namespace allot::contrast {

/// An <img> that carries its picture, twice as large where it is small.
std::string picture_html(const data::DecodedImage& image);

/// RFC 4648, section 4.
std::string base64(std::string_view bytes);

}  // namespace allot::contrast
