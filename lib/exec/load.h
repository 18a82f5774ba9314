// SPDX-License-Identifier: Apache-2.0
// Tensors of a file to values of a run, and back.
#pragma once

#include <string>

#include "exec/value.h"
#include "ir/model.h"
#include "onnxio/value_file.h"

namespace allot::exec {

/// A copy of a stored tensor on the CPU. Errors: malformed, naming the tensor, when its payload does not fit its type
/// and shape; unavailable for types that torch cannot hold.
Value load(const ir::Model& model, const ir::Tensor& tensor);
/// A sparse tensor made dense (COO; indices linear or one row an element).
Value load(const ir::Model& model, const ir::SparseTensor& tensor);

/// A value of any kind from a file of its own; an empty optional is an absent value.
Value load(const onnxio::ValueFile& file);

/// The elements as raw_data holds them, sub-byte types packed. Errors: internal for what is no tensor of numbers.
std::string raw_bytes(const Value& value);

}  // namespace allot::exec
