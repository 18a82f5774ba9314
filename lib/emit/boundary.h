// SPDX-License-Identifier: Apache-2.0
// What is known of a value for any size of the inputs: types for the inputs and outputs of sub-models.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "graph/build.h"

namespace allot::emit {

/// Shape inference works with every dimension bound to a number. Inferring again with other numbers tells which
/// dimensions of a value are fixed, and which are a dimension of the graph's inputs.
class BoundaryTypes {
 public:
  /// References `planning`.
  explicit BoundaryTypes(const graph::PlanningModel& planning);

  /// The declared type of the main-graph value `name` if it has a shape that inference does not contradict, else the
  /// inferred one; dimensions that change with the inputs are those inputs' symbols or unknown. Symbols are views into
  /// the planned model or into this object. `kind` none: nothing is known of its element type.
  ir::Type type(ir::Str name) const;

  /// The type is a guess, made because the operator that makes the value is unknown.
  bool guessed(ir::Str name) const;

  /// Bytes for the sizes that were planned with; 0 where unknown.
  int64_t bytes(ir::Str name) const;

 private:
  struct Probe {
    std::vector<int64_t> sizes;  // by symbol
    shape::Result shapes;
  };
  bool probe(const std::vector<int64_t>& sizes);
  ir::Dim dim(ir::ValueId value, size_t axis) const;

  const graph::PlanningModel& planning_;
  std::vector<std::string> symbols_;  // "batch", and "x:0" for a dimension without name
  std::vector<Probe> probes_;         // two when there are symbols and inference worked with other sizes
};

}  // namespace allot::emit
