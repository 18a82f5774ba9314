// SPDX-License-Identifier: Apache-2.0
// Whether a search space makes sense of its model.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "enas/supergraph.h"
#include "train/text_table.h"

namespace allot::enas {

struct Validation {
  SpaceSize size;
  size_t nodes = 0, joins = 0;
  size_t children = 0;                // random ones that were looked at
  size_t allowed = 0;                 // of which constraints allow
  std::vector<std::string> warnings;  // nodes that no child uses
  train::TextTable variables;         // a row each: name, kind, how many values, places, labels
};

/// Beyond what Supergraph checks: alternatives of a join (Concat's aside) have one type and shape; every change of a
/// single variable, and `children` random assignments, leave all outputs reachable, no join empty, and the shapes of
/// the outputs as they are. Source: specification of enas-search, 5.2. Errors: malformed, naming the node or
/// architecture; those of shape::infer and onnxio::check.
Validation validate(const Supergraph& supergraph, size_t children = 1000, uint64_t seed = 0);

/// A uniformly random assignment: each variable by itself.
Assignment random_assignment(const Space& space, uint64_t seed, uint32_t stream, uint32_t step, uint32_t item);

}  // namespace allot::enas
