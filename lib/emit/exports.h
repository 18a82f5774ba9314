// SPDX-License-Identifier: Apache-2.0
// A placement in the words of other tools (onnx-and-cost 2.5, 3.2).
#pragma once

#include <string>
#include <vector>

#include "cluster/cluster.h"
#include "ir/model.h"

namespace allot::emit {

struct ExportInput {
  const ir::Model& model;
  const cluster::Cluster& cluster;
  const std::vector<cluster::DeviceId>& device_of_node;  // of the main graph
  std::string placed_path;                               // of the placed model, for programs that open it
};

struct Export {
  const char *kind, *summary;
  /// The file's text. Errors: unavailable when the placement cannot be said so.
  std::string (*write)(const ExportInput& input);
};

/// ort-python, ort-cpp, ort-genai, ort-names, model-explorer, olive, name-prefix, openvino, onnx-mlir.
const std::vector<Export>& exports();

/// Errors: usage with the list of kinds.
const Export& find_export(const std::string& kind);

}  // namespace allot::emit
