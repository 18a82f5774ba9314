// SPDX-License-Identifier: Apache-2.0
// A placement that ONNX Runtime can load.
#pragma once

#include <optional>
#include <span>
#include <vector>

#include "cluster/cluster.h"
#include "graph/op_graph.h"

namespace allot::place {

/// Where shapes are told: io_device if that is of kind cpu, else the first device of that kind, if there is one.
std::optional<cluster::DeviceId> host_of(const cluster::Cluster& cluster);

/// Moves `shapes`, some of the graph's shape_ops, to the host where what they tell leaves their accelerator. They tell
/// it on the host wherever they run, and ONNX Runtime (seen with 1.27) follows it from there through nodes that read
/// nothing else; it ends with a segmentation fault at the first one annotated for another device. A shape that stays
/// on an accelerator is read there alone. placement [num_ops]. O(ops + edges) where a shape is on an accelerator.
void move_to_host(std::span<const graph::OpId> shapes, const graph::OpGraph& graph, const cluster::Cluster& cluster,
                  std::vector<cluster::DeviceId>& placement);

}  // namespace allot::place
