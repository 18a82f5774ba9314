// SPDX-License-Identifier: Apache-2.0
#include "onnxio/writer.h"

#include <catch2/catch.hpp>

#include "base/log.h"
#include "ir/payload.h"
#include "ir/values.h"
#include "onnxio/corpus.h"
#include "onnxio/proto.h"
#include "onnxio/reader.h"

using namespace allot;
using test::Proto;

namespace {

ir::Model read_bytes(std::string bytes) { return onnxio::read(base::Bytes::from(std::move(bytes), "m.onnx")); }

template <typename Visit>
void each_node(ir::Graph& graph, Visit visit) {
  for (auto& node : graph.nodes) {
    visit(node);
    for (auto& attribute : node.attributes)
      for (auto& body : attribute.graphs) each_node(*body, visit);
  }
}

/// What placing a model writes.
void annotate(ir::Model& model) {
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

void strip(ir::Model& model, int64_t ir_version) {
  model.ir_version = ir_version;
  model.edited = true;
  model.metadata.pop_back();
  model.configurations.pop_back();
  each_node(model.graph, [](ir::Node& node) {
    node.metadata.pop_back();
    node.device_configurations.pop_back();
  });
}

}  // namespace

TEST_CASE("every file of the corpus survives reading and writing, and an edit and its undo") {
  const auto level = base::log_level();
  base::configure_log({"", base::LogLevel::quiet, false, ""});
  size_t files = 0;
  for (const auto& path : test::corpus()) {
    INFO(path);
    auto model = onnxio::read(path);
    const auto original = model.file->view();
    const bool survives = onnxio::serialize(model) == original;
    CHECK(survives);
    CHECK_NOTHROW(ir::resolve(model));
    const auto ir_version = model.ir_version;
    annotate(model);
    const auto annotated = onnxio::serialize(model);
    CHECK(annotated.size() > original.size());
    strip(model, ir_version);
    const bool undone = onnxio::serialize(model) == original;
    CHECK(undone);
    auto again = read_bytes(annotated);
    CHECK(again.metadata_value("allot.version") == "1");
    CHECK(again.configurations.back().devices.size() == 2);
    strip(again, ir_version);
    const bool stripped = onnxio::serialize(again) == original;
    CHECK(stripped);
    ++files;
  }
  base::configure_log({"", level, false, ""});
  std::cerr << "corpus: " << files << " files\n";
}
