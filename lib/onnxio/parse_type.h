// SPDX-License-Identifier: Apache-2.0
// Bytes of TypeProto -> ir::Type.
#pragma once

#include <string_view>

#include "ir/wire.h"

namespace allot::onnxio {

/// Refuses a field of `message` that is not encoded as `type`. Errors, here and below: malformed, naming the byte.
void expect(const ir::wire::Field& field, ir::wire::Type type, std::string_view message);

/// An element type, a field of `message`; numbers that ONNX does not define yet are refused.
ir::DataType parse_data_type(const ir::wire::Field& field, std::string_view message);

/// The TypeProto that `body` spans in `file`; types may nest 64 deep.
ir::Type parse_type(std::string_view file, ir::Span body);

}  // namespace allot::onnxio
