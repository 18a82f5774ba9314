// SPDX-License-Identifier: Apache-2.0
// Both encoders in one graph that gives scores.
#pragma once

#include "contrast/two_pass.h"
#include "ir/model.h"

namespace allot::contrast {

/// A graph of both encoders' inputs whose output "scores" [first items, second items] is scale * cosine + bias (cosine
/// of what the encoders give, whether they normalise or not). What the second one names gets the prefix "second/", its
/// inputs only where the first has one of that name. Weights are copied into the model.
/// Errors: unavailable where operator sets differ or a model has functions of its own; malformed for weights that
/// cannot be read; config for outputs that are not there.
ir::Model joint_model(const ir::Model& first, const std::string& first_output, const ir::Model& second,
                      const std::string& second_output, const Temperature& temperature);

}  // namespace allot::contrast
