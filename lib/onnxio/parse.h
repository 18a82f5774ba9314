// SPDX-License-Identifier: Apache-2.0
// Bytes of ONNX messages -> ir objects; what a file means as a whole is reader.cpp's matter.
#pragma once

#include <string_view>

#include "ir/model.h"

namespace allot::onnxio {

/// Fills `message` from the bytes that `body` spans in `file`; sets origins. Instantiated for every type of
/// schema.h. Errors: malformed, naming the byte.
template <typename Message>
void parse(std::string_view file, ir::Span body, Message& message, int max_nesting);

}  // namespace allot::onnxio
