// SPDX-License-Identifier: Apache-2.0
// A placement written into the model: node metadata, IR-11 device configuration, ONNX Runtime layer assignment.
#pragma once

#include <string>
#include <vector>

#include "cluster/cluster.h"
#include "ir/model.h"
#include "place/sidecar.h"

namespace allot::emit {

struct AnnotateOptions {
  std::string configuration = "allot";                 // name of the IR-11 device configuration
  enum class Stage { none, device } stage = Stage::device;   // pipeline_stage = device index, or absent
  enum class IrVersion { automatic, keep } ir_version = IrVersion::automatic;
};

/// Device of each node of the model's main graph (device_of_node [nodes]) written into `model`:
///   node metadata  layer_ann = "allot.d<k>", allot.device = name; a replaced annotation in allot.prev_layer_ann
///   node           one device configuration: each non-empty output whole on device k
///   model          configuration "allot"; metadata allot.version, allot.devices, allot.graph_sha256,
///                  allot.makespan_us, allot.peak_bytes, allot.ort.layer_assignment_settings, allot.ort.min_version,
///                  allot.ir_version (the original one)
/// Nodes in bodies of control flow inherit from their owner and are annotated alike, since un-annotated nodes drift
/// to ONNX Runtime's first provider. Function bodies are left alone. Applying twice equals applying once.
/// `automatic` raises the IR version to 11, except for IR < 4 models whose initializers are graph inputs, where
/// that would turn weights into overridable inputs; a warning says so.
void annotate(ir::Model& model, const cluster::Cluster& cluster, const std::vector<cluster::DeviceId>& device_of_node,
              const place::Sidecar& sidecar, const AnnotateOptions& options = {});

/// Removes everything of ours and restores what was replaced: write(strip(annotate(x))) == x.
/// Returns how many nodes carried an annotation.
size_t strip(ir::Model& model);

/// Device names by main-graph node as annotated, "" where a node has none.
std::vector<std::string> annotated_devices(const ir::Model& model);

}  // namespace allot::emit
