// SPDX-License-Identifier: Apache-2.0
// Bytes of ONNX messages -> ir objects; what a file means as a whole is reader.cpp's matter.
#pragma once

#include <string_view>

#include "ir/model.h"

namespace allot::onnxio {

/// Fills `model` from a whole file; sets origins. Errors: malformed, naming the byte.
void parse(std::string_view file, ir::Model& model, int max_nesting);

/// Fills a tensor, sparse tensor or function that stands alone from the bytes that `body` spans in `file`. Errors as above.
template <typename Message>
void parse_message(std::string_view file, ir::Span body, Message& message);

/// Fills the plain fields and the payload of `message`, of any type in schema.h, from the bytes that `body` spans in
/// `file`, and leaves out the messages in it.
template <typename Message>
void parse_plain(std::string_view file, ir::Span body, Message& message);

}  // namespace allot::onnxio
