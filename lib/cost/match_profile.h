// SPDX-License-Identifier: Apache-2.0
// From the nodes of a profile back to the ops of a model.
#pragma once

#include <string>
#include <vector>

#include "cost/profile.h"
#include "graph/fusion.h"
#include "graph/op_graph.h"

namespace allot::cost {

/// What a profile says of a model's ops. Times are charged to the main op of a fusion group.
struct Measured {
  std::vector<double> us;                // by op; -1: no node of the profile belongs to its group; 0 beside a main op
  std::vector<std::string> provider;     // by op, of the kernel
  std::vector<ProfiledNode> copies;      // between providers
  uint32_t nodes = 0, by_name = 0;       // of the profile, copies aside; found by name
  double us_by_name = 0, us_in_all = 0;  // time of these nodes
};

/// Nodes are found by name, undoing what the runtime's optimisers do to names (onnx-and-cost 2.4: "fused X", "X_nchwc"
/// of the value X, "X_token_3", "X/MatMulAddFusion" ...); the rest by the type of their kernel, in order, among groups
/// without any; what then remains (layout changes) counts to the node before it, or after it when it reorders inputs.
Measured match_profile(const Profile& profile, const graph::OpGraph& graph, const graph::Fusion& fusion);

}  // namespace allot::cost
