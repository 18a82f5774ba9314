// SPDX-License-Identifier: Apache-2.0
// An edit that touches every node, and its undo.
#pragma once

#include <algorithm>
#include <utility>

#include "ir/model.h"

namespace allot::test {

template <typename Visit>
void each_node(ir::Graph& graph, Visit visit) {
  for (auto& node : graph.nodes) {
    visit(node);
    for (auto& attribute : node.attributes)
      for (auto& body : attribute.graphs) each_node(*body, visit);
  }
}

/// What placing a model writes.
inline void annotate(ir::Model& model) {
  if (model.ir_version < 11) model.ir_version = 11;
  model.edited = true;
  model.metadata.push_back({"allot.version", "1", {}});
  ir::DeviceConfiguration configuration;
  configuration.name = "allot";
  configuration.num_devices = 2;
  configuration.devices = {"cpu0", "gpu0"};
  model.configurations.push_back(configuration);
  each_node(model.graph, [](ir::Node& node) {
    node.metadata.push_back({"layer_ann", "allot.d1", {}});
    ir::NodeDeviceConfiguration device;
    device.configuration = "allot";
    device.pipeline_stage = 0;
    for (const auto output : node.outputs)
      if (!output.empty()) device.sharding.push_back({output, {1}, {}});
    node.device_configurations.push_back(std::move(device));
  });
}

inline void strip(ir::Model& model, int64_t ir_version) {
  model.ir_version = ir_version;
  model.edited = true;
  model.metadata.pop_back();
  model.configurations.pop_back();
  each_node(model.graph, [](ir::Node& node) {
    node.metadata.pop_back();
    node.device_configurations.pop_back();
  });
}

}  // namespace allot::test
