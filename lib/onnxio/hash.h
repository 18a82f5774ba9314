// SPDX-License-Identifier: Apache-2.0
// Which file is this?
#pragma once

#include <string>

#include "ir/model.h"

namespace allot::onnxio {

/// SHA-256 of the file a model was read from, tensor elements left out: weights of any size cost nothing and a
/// fine-tuned model hashes alike. 64 hexadecimal digits; that of no bytes for a model made in memory.
std::string hash_without_weights(const ir::Model& model);

}  // namespace allot::onnxio
