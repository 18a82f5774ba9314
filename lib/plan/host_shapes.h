// SPDX-License-Identifier: Apache-2.0
// A placement that ONNX Runtime can load.
#pragma once

#include <vector>

#include "cluster/cluster.h"
#include "graph/op_graph.h"

namespace allot::plan {

/// Moves Shape and Size to the CPU where what they tell leaves their accelerator. They give it on the host wherever
/// they run, and ONNX Runtime (seen with 1.27) follows it from there through nodes that read nothing else; it ends with
/// a segmentation fault at the first one annotated for another device. A Shape that stays on an accelerator is read
/// there alone. Returns how many of placement [num_ops] were moved: none without a device of kind cpu.
/// O(ops that tell shapes * what follows them).
size_t move_shapes_to_host(const graph::OpGraph& graph, const cluster::Cluster& cluster,
                           std::vector<cluster::DeviceId>& placement);

}  // namespace allot::plan
