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
  std::string configuration = "allot";                      // name of the IR-11 device configuration
  enum class Stage { none, device } stage = Stage::device;  // pipeline_stage = device index, or absent
  enum class IrVersion { automatic, keep } ir_version = IrVersion::automatic;
};

/// Device of each node of the model's main graph (device_of_node [nodes]) written into `model`:
///   node metadata  layer_ann = "allot.d<k>", allot.device = name and, of ops that have one in `sidecar`, allot.group
///   node           one device configuration: each non-empty output whole on device k
///   model          configuration "allot"; metadata allot.version, allot.devices, allot.configuration,
///                  allot.graph_sha256, allot.makespan_us, allot.peak_bytes, allot.ir_version (the original one) and,
///                  if one session can honour the placement, allot.ort.layer_assignment_settings and
///                  allot.ort.min_version
/// An entry that has such a key already stays where it is, its key prefixed with "allot.prev_". Nodes in bodies of
/// control flow inherit from their owner and are annotated alike, since un-annotated nodes drift to ONNX Runtime's
/// first provider. Function bodies are left alone. Applying twice equals applying once.
/// `automatic` raises the IR version to 11, except for IR < 4 models whose initializers are graph inputs, where
/// that would turn weights into overridable inputs; a warning says so.
/// Errors: config when the model has a device configuration of that name which is not ours.
void annotate(ir::Model& model, const cluster::Cluster& cluster, const std::vector<cluster::DeviceId>& device_of_node,
              const place::Sidecar& sidecar, const AnnotateOptions& options = {});

/// Removes what annotate() wrote and restores what it replaced: write(strip(annotate(x))) == x, byte for byte, for
/// every x in which lengths and tags of edited messages are encoded in the shortest way, as all protobuf writers do.
/// Returns how many nodes, bodies included, carried an annotation; 0 leaves the model alone.
size_t strip(ir::Model& model);

/// Device names by main-graph node as annotated, "" where a node has none.
std::vector<std::string> annotated_devices(const ir::Model& model);

/// What is wrong with metadata and device configurations, ours and foreign, at most 100 sentences; no checker or
/// runtime looks (onnx-and-cost 1.4, 1.5). Axes and device groups of sharded tensors are not examined.
std::vector<std::string> validate_annotations(const ir::Model& model);

}  // namespace allot::emit
