// SPDX-License-Identifier: Apache-2.0
// A model cut into sub-models, one a segment, that run one after another on their devices.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "cluster/cluster.h"
#include "graph/build.h"

namespace allot::emit {

struct SplitInput {
  const ir::Model& model;  // as read, without annotations of ours
  const graph::PlanningModel& planning;
  const cluster::Cluster& cluster;
  const std::vector<cluster::DeviceId>& device_of_node;  // of the model's main graph
  std::map<std::string, int64_t> dims;                   // the sizes that were planned with
  std::string version;                                   // of Allot
};

/// What a folder of sub-models holds. Everything in it shares the model's storage.
struct Split {
  struct Part {
    std::string file;  // "00-gpu0.onnx": place in the order of execution, device
    cluster::DeviceId device;
    ir::Model model;
  };
  std::vector<Part> parts;
  std::string manifest;  // JSON, allot.split/1
  /// Weights that several parts use, with the offsets at which they stand in kSharedWeights; empty = no such file.
  std::vector<std::pair<uint64_t, std::string_view>> shared_weights;
};

inline constexpr const char* kManifest = "split.json";
inline constexpr const char* kRunner = "run_split.py";
inline constexpr const char* kSharedWeights = "shared.weights";
inline constexpr size_t kMaxParts = 1000;

/// Segments as in segments.h. Constants are computed by every part that uses them, and so is arithmetic on shapes: an
/// op whose inputs are constant or come from Shape and such arithmetic and whose outputs have at most 64 elements. An
/// initializer of 64 KiB or more that several parts use goes to a file that they share, unless it is in one already. A
/// graph output that is a graph input is returned by the first part, through an Identity.
/// Errors: those of make_part; unavailable for more than kMaxParts parts.
Split split(const SplitInput& input);

/// Program that runs the parts in ONNX Runtime: `python run_split.py inputs.npz outputs.npz`, or as a module.
std::string split_runner();

/// Errors: those of base::AtomicFile.
void write_shared_weights(const Split& split, const std::string& path, base::Replace replace);

}  // namespace allot::emit
