// SPDX-License-Identifier: Apache-2.0
// Model-local functions replaced by their bodies.
#pragma once

#include <vector>

#include "ir/model.h"

namespace allot::ir {

struct Inlined {
  Model model;                    // without functions that are called; shares storage with the original
  std::vector<uint32_t> call_of;  // main-graph node -> index of the original main-graph node it came from
};

/// Expands calls recursively in the main graph and in bodies of control flow: attribute references substituted
/// (defaults included), inner values renamed uniquely, opset imports merged. A function whose imports conflict
/// with the model's (another version of one domain) stays a call. Metadata of the call goes to each inlined node.
/// Errors: malformed for recursion (the cycle is named), more inputs than the function has, call depth over 100,
/// or more than 10 million nodes after expansion.
Inlined inline_functions(const Model& model);

bool calls_functions(const Model& model);

}  // namespace allot::ir
