// SPDX-License-Identifier: Apache-2.0
// One call of a model-local function, written out: its body with the call's values and attributes put in.
#pragma once

#include <string>
#include <vector>

#include "ir/model.h"
#include "ir/names.h"

namespace allot::ir {

/// Makes names that nothing in a model has yet.
class UniqueNames {
 public:
  /// Knows all names of values and nodes in the main graph and its bodies.
  explicit UniqueNames(Model& model);
  /// "prefix/name", with a number behind it if that is taken; lives as long as the model.
  Str make(Str prefix, Str name);

 private:
  void know(const Graph& graph);
  Model& model_;
  NameTable taken_;
  uint32_t next_ = 0;
};

/// The nodes of `function` as the body of `call`: formal inputs and outputs replaced by the call's, other values and
/// nodes named anew, attribute references replaced by the call's attributes or the defaults, the call's metadata
/// added. A formal output that is a formal input, or is listed twice, becomes an Identity.
/// Errors: malformed when the call has more inputs or outputs than the function, or the function an input twice.
std::vector<Node> instantiate(const Function& function, const Node& call, UniqueNames& names);

}  // namespace allot::ir
