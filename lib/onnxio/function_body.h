// SPDX-License-Identifier: Apache-2.0
// ONNX's own definitions of operators by other operators.
#pragma once

#include <optional>
#include <vector>

#include "ir/model.h"

namespace allot::onnxio {

/// The function that ONNX defines the operator of `node` by, at version `opset` of its domain; nullopt for operators
/// without one, and when the definition depends on input types that are not known.
/// `input_types`: as far as they are known, by input; of kind none where not.
/// The function imports the operator sets that its nodes are written for, which may differ from `opset`. It leans on
/// the storage of `model`, which holds what the attributes of `node` point to.
std::optional<ir::Function> function_body(ir::Model& model, const ir::Node& node, int64_t opset,
                                          const std::vector<ir::Type>& input_types);

}  // namespace allot::onnxio
