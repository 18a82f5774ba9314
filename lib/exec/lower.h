// SPDX-License-Identifier: Apache-2.0
// A model with nothing in it but operators that have kernels: functions are put in where they are called.
#pragma once

#include <string>
#include <vector>

#include "ir/model.h"

namespace allot::exec {

struct Lowered {
  /// Where the nodes of one function call come from.
  struct Origin {
    std::string call;                      // the node of the file that calls, directly or not
    std::string function;                  // the operator that was called, with its domain
    std::vector<ir::OpsetImport> imports;  // of the function
  };

  ir::Model model;  // shares storage with the original; every node has a name, "#12" for the 13th without one
  std::vector<Origin> origins;

  /// nullptr for a node of the file. Nodes carry the number of their origin and source in their metadata, so that the
  /// model may be edited.
  const Origin* origin(const ir::Node& node) const;
  /// Index of the file's main-graph node that a node of the main graph is, or was called by; kNone in bodies.
  uint32_t source(const ir::Node& node) const;
  /// Version of the node's domain that the node is written for.
  int64_t opset(const ir::Node& node) const;
};

/// Puts in the bodies of model-local functions and, for operators without a kernel or named in `expanded`, those of
/// ONNX's own definitions. What has neither kernel nor body stays, for the compiler to refuse.
/// Errors: malformed for calls or graphs that nest too deeply, which recursion does, for more than a million nodes
/// in functions, and for calls with more inputs or outputs than the function has.
Lowered lower(const ir::Model& model, const std::vector<std::string>& expanded = {});

}  // namespace allot::exec
