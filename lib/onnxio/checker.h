// SPDX-License-Identifier: Apache-2.0
// ONNX's own checker and operator schemas, on models whose weights stay in the file.
#pragma once

#include <string>

#include "ir/model.h"

namespace allot::onnxio {

/// Runs onnx::checker on the model with large payloads left out. Errors: malformed with the checker's words.
void check(const ir::Model& model);

/// Version of the ONNX library and the newest IR and default-domain opset it knows.
struct LibraryVersion {
  std::string onnx;
  int64_t ir = 0, opset = 0;
};
LibraryVersion library_version();

}  // namespace allot::onnxio
