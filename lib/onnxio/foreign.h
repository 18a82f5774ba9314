// SPDX-License-Identifier: Apache-2.0
// Files that are often mistaken for ONNX.
#pragma once

#include <string_view>

namespace allot::onnxio {

struct Foreign {
  std::string_view what;  // "is a gzip archive"; empty when the bytes are of no format known here
  std::string_view fix;
};

/// Looks at the first bytes of a file that did not parse.
Foreign identify(std::string_view bytes);

}  // namespace allot::onnxio
