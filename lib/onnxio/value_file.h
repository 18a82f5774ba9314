// SPDX-License-Identifier: Apache-2.0
// One value in a file of its own: a TensorProto, SequenceProto or OptionalProto, as test data and datasets store them.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/file.h"
#include "ir/model.h"

namespace allot::onnxio {

/// A value as it is stored: what an empty optional holds, a tensor, or a sequence of values.
struct StoredValue {
  enum class Kind : uint8_t { nothing, tensor, sparse_tensor, sequence };
  Kind kind = Kind::nothing;
  ir::Tensor tensor;                  // of Kind::tensor
  ir::SparseTensor sparse;            // of Kind::sparse_tensor
  std::vector<StoredValue> elements;  // of Kind::sequence
};

/// A value and the bytes that its payloads are ranges of.
struct ValueFile {
  ir::Model storage;  // without a graph; what ir/payload.h decodes with
  StoredValue value;
};

/// Reads the message that a value of `kind` is stored as: the file itself does not tell. Weights stay mapped.
/// Errors name file and byte:
///   input_missing  no such file, or an external-data file that is missing
///   malformed      damaged bytes, nesting over 64, a payload that disagrees with dims and dtype, external data that
///                  leaves the file's folder
///   unavailable    maps and opaque types
ValueFile read_value(const std::string& path, ir::Type::Kind kind);
ValueFile read_value(std::shared_ptr<const base::Bytes> file, ir::Type::Kind kind);

}  // namespace allot::onnxio
