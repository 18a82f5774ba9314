// SPDX-License-Identifier: Apache-2.0
// A placed graph cut into segments: pieces of one device that can run one after another.
#pragma once

#include <vector>

#include "cluster/cluster.h"
#include "ir/values.h"

namespace allot::emit {

/// A part of the main graph that runs as a whole on one device. Values are the main graph's.
struct Segment {
  cluster::DeviceId device = 0;
  std::vector<ir::NodeId> nodes;       // in an order that can be executed, replicated ones included
  std::vector<ir::ValueId> inputs;     // graph inputs and values of other segments, ascending
  std::vector<ir::ValueId> constants;  // initializers that are no graph inputs, ascending
  std::vector<ir::ValueId> outputs;    // values made here that other segments read or the graph returns, ascending
};

/// Which nodes each segment that needs their values computes for itself [main-graph nodes]. All that such a node reads
/// must be constant or small, and its results the same each time.
using Replicated = std::vector<char>;

/// Segments in an order that can be executed: a segment reads only what earlier ones make. A node's level is the
/// longest way to it, counted in changes of device; a segment is all nodes of one device and level (onnx-and-cost 3.1),
/// and is joined with the device's next one where nothing in between waits for it. Nodes without way to a graph output
/// are in no segment; replicated nodes that make a graph output are treated as others. O(devices * nodes + edges).
std::vector<Segment> find_segments(const ir::Values& values, const std::vector<cluster::DeviceId>& device_of_node,
                                   Replicated replicated);

}  // namespace allot::emit
