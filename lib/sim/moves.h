// SPDX-License-Identifier: Apache-2.0
// Ops that change their device.
#pragma once

#include <span>
#include <vector>

#include "cluster/cluster.h"
#include "graph/op_graph.h"

namespace allot::sim {

struct Move {
  graph::OpId op;
  cluster::DeviceId device;
};

/// A move that makes a difference.
struct Change {
  graph::OpId op;
  cluster::DeviceId from, to;
};

/// Applies `moves` in order to `placement`; `changes` becomes what they changed in all, by op.
/// Errors: internal for an op or device that does not exist; the placement stays.
void apply_moves(std::span<const Move> moves, uint32_t devices, std::vector<cluster::DeviceId>& placement,
                 std::vector<Change>& changes);

}  // namespace allot::sim
