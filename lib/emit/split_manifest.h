// SPDX-License-Identifier: Apache-2.0
// The description of a split model, `allot.split/1`.
#pragma once

#include <map>
#include <string>

#include "emit/boundary.h"
#include "emit/split.h"

namespace allot::emit {

/// What the manifest says of values.
struct SplitBoundaries {
  const ir::Values& values;
  const BoundaryTypes& types;
  std::map<ir::ValueId, std::string> returned_as;  // graph outputs that the first part returns under another name
};

/// Parts in order of execution with file, device, provider, and what each reads from and gives to whom; the graph's
/// inputs and outputs; and the `pipeline` of an onnxruntime-genai configuration.
std::string split_manifest(const SplitInput& input, const Split& split, const SplitBoundaries& boundaries);

}  // namespace allot::emit
