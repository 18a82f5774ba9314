// SPDX-License-Identifier: Apache-2.0
#include "emit/annotate.h"

#include <cstdlib>
#include <filesystem>
#include <functional>

#include <catch2/catch.hpp>

#include "base/error.h"
#include "base/log.h"
#include "emit/annotation.h"
#include "emit/ort.h"
#include "ir/wire.h"
#include "onnxio/reader.h"
#include "onnxio/writer.h"

using namespace allot;
using namespace allot::emit;

namespace {

/// Keeps warnings about the models of a test to itself.
struct Quiet {
  Quiet() { base::configure_log({"", base::LogLevel::quiet, false, ""}); }
  ~Quiet() { base::configure_log({}); }
};

/// A protobuf message in the making, any field in any order.
struct Message {
  std::string bytes;
  Message& add(uint32_t number, std::string_view text) {
    ir::wire::put_tag(bytes, number, ir::wire::Type::bytes);
    ir::wire::put_varint(bytes, text.size());
    bytes += text;
    return *this;
  }
  Message& add(uint32_t number, const Message& message) { return add(number, std::string_view(message.bytes)); }
  Message& add(uint32_t number, const char* text) { return add(number, std::string_view(text)); }
  Message& add(uint32_t number, uint64_t value) {
    ir::wire::put_tag(bytes, number, ir::wire::Type::varint);
    ir::wire::put_varint(bytes, value);
    return *this;
  }
};

Message entry(const char* key, const char* value) { return Message().add(1, key).add(2, value); }
Message value_info(const char* name) { return Message().add(1, name); }
Message opset() { return Message().add(1, "").add(2, uint64_t{21}); }
Message node(const char* type, const char* input, const char* output) {
  return Message().add(1, input).add(2, output).add(4, type);
}
Message tensor(const char* name) {  // one float
  return Message().add(1, uint64_t{1}).add(2, uint64_t{1}).add(8, name).add(9, std::string_view("\0\0\x80\x3f", 4));
}

// x -> Relu -> y -> Neg -> z
Message plain_graph() {
  return Message()
      .add(1, node("Relu", "x", "y"))
      .add(1, node("Neg", "y", "z"))
      .add(2, "g")
      .add(11, value_info("x"))
      .add(12, value_info("z"));
}
Message plain_model(const Message& graph, uint64_t ir_version = 8) {
  return Message().add(1, ir_version).add(7, graph).add(8, opset());
}

// An If whose branches hold nodes, one of them another If.
Message nested_graph() {
  const Message leaf = Message().add(1, node("Relu", "x", "t")).add(2, "leaf").add(12, value_info("t"));
  const auto branches = [](const Message& body) {
    const auto branch = [&](const char* name) { return Message().add(1, name).add(6, body).add(20, uint64_t{5}); };
    return node("If", "c", "y").add(5, branch("then_branch")).add(5, branch("else_branch"));
  };
  const Message middle = Message().add(1, branches(leaf)).add(2, "middle").add(12, value_info("y"));
  return Message()
      .add(1, node("Not", "b", "c"))
      .add(1, branches(middle))
      .add(2, "g")
      .add(11, value_info("x"))
      .add(11, value_info("b"))
      .add(12, value_info("y"));
}

struct Case {
  const char* name;
  std::string bytes;
};

std::vector<Case> crafted_models() {
  const Message annotated = Message()  // value before key, an unknown field inside, other fields around
                                .add(2, "y")
                                .add(9, Message().add(2, "attention").add(15, uint64_t{7}).add(1, "layer_ann"))
                                .add(4, "Relu")
                                .add(9, entry("name", "r"))
                                .add(1, "x");
  const Message twice = node("Relu", "x", "y").add(9, entry("layer_ann", "a")).add(9, entry("layer_ann", "allot.d1"));
  const Message saved = node("Relu", "x", "y").add(9, entry("allot.prev_layer_ann", "a")).add(3, "late name");
  const auto with = [](const Message& first) {
    return plain_model(
        Message().add(1, first).add(1, node("Neg", "y", "z")).add(11, value_info("x")).add(12, value_info("z")));
  };
  const Message spec = Message().add(1, "y").add(2, uint64_t{1}).add(4, Message().add(1, uint64_t{0}));
  const Message foreign = Message().add(3, uint64_t{1}).add(1, "two").add(2, spec);
  const Message configured = with(Message().add(10, foreign).add(1, "x").add(2, "y").add(4, "Relu"))
                                 .add(26, Message().add(1, "one").add(2, uint64_t{1}))
                                 .add(26, Message().add(1, "two").add(2, uint64_t{2}).add(3, "a").add(3, "b"));
  const Message function =
      Message().add(1, "f").add(10, "local").add(4, "x").add(5, "y").add(7, node("Relu", "x", "y")).add(9, opset());
  return {
      {"plain", plain_model(plain_graph()).bytes},
      {"foreign annotation between other fields", with(annotated).bytes},
      {"two foreign annotations", with(twice).bytes},
      {"left over saved annotation", with(saved).bytes},
      {"foreign device configurations", configured.bytes},
      {"nested bodies", plain_model(nested_graph()).bytes},
      {"IR 3, weights as inputs", plain_model(plain_graph().add(5, tensor("w")).add(11, value_info("w")), 3).bytes},
      {"IR 13", plain_model(plain_graph(), 13).bytes},
      {"reordered fields, metadata before the graph, unknown fields",
       Message()
           .add(14, entry("allot.version", "by another command"))
           .add(8, opset())
           .add(14, Message().add(2, "v").add(1, "k"))
           .add(99, "unknown")
           .add(7, plain_graph().add(77, uint64_t{1}).add(1, node("Abs", "x", "u").add(55, "unknown")))
           .add(2, "producer")
           .add(1, uint64_t{7})
           .bytes},
      {"foreign groups",
       with(node("Relu", "x", "y").add(9, entry("allot.group", "a")).add(9, entry("name", "r"))).bytes},
      {"functions",
       plain_model(
           Message().add(1, node("f", "x", "y").add(7, "local")).add(11, value_info("x")).add(12, value_info("y")))
           .add(8, Message().add(1, "local").add(2, uint64_t{1}))
           .add(25, function)
           .bytes},
  };
}

ir::Model parse(const std::string& bytes) { return onnxio::read(base::Bytes::from(bytes)); }

cluster::Cluster three_devices() {
  cluster::Cluster cluster;
  cluster.devices.resize(3);
  const char* names[] = {"cpu0", "gpu0", "gpu1"};
  for (size_t i = 0; i < 3; ++i) cluster.devices[i].name = names[i];
  cluster.devices[0].ort = {"cpu", "CPUExecutionProvider", {}};
  cluster.devices[1].ort = {"cuda", "CUDAExecutionProvider", {{"device_id", "0"}}};
  cluster.devices[2].ort = {"cuda", "CUDAExecutionProvider", {{"device_id", "1"}}};
  return cluster;
}

place::Sidecar sidecar() {
  place::Sidecar sidecar;
  sidecar.version = "0.1.0";
  sidecar.graph_hash = "abc";
  sidecar.metrics.makespan_us = 12.5;
  sidecar.metrics.peak_bytes = {{"cpu0", 100}, {"gpu0", 0}, {"gpu1", 7}};
  sidecar.placement = {{"", "first", "Relu", "cpu0", "f0", 0, {"y"}},  // only the second has a group
                       {"", "second", "Neg", "gpu0", "f1", 1, {"z"}, "7/gpu0"}};
  return sidecar;
}

std::vector<cluster::DeviceId> alternate(const ir::Model& model, uint32_t devices) {
  std::vector<cluster::DeviceId> placement(model.graph.nodes.size());
  for (size_t i = 0; i < placement.size(); ++i) placement[i] = static_cast<cluster::DeviceId>(i % devices);
  return placement;
}

std::string annotated(const std::string& bytes, const AnnotateOptions& options = {}, uint32_t devices = 2) {
  ir::Model model = parse(bytes);
  annotate(model, three_devices(), alternate(model, devices), sidecar(), options);
  return onnxio::serialize(model);
}

std::string stripped(const std::string& bytes) {
  ir::Model model = parse(bytes);
  strip(model);
  return onnxio::serialize(model);
}

ir::Str value(const ir::Node& node, const char* key) { return value_of(node.metadata, key).value_or("-"); }

}  // namespace

TEST_CASE("strip restores the bytes, and annotating twice is annotating once") {
  const Quiet quiet;
  for (const auto& [name, bytes] : crafted_models()) {
    INFO(name);
    for (const auto& options : {AnnotateOptions{}, AnnotateOptions{"other", AnnotateOptions::Stage::none,
                                                                   AnnotateOptions::IrVersion::keep}}) {
      const std::string placed = annotated(bytes, options);
      CHECK(placed != bytes);
      CHECK(stripped(placed) == bytes);
      CHECK(annotated(placed, options) == placed);
      CHECK(annotated(annotated(bytes), options) == placed);
      if (validate_annotations(parse(bytes)).empty()) CHECK(validate_annotations(parse(placed)).empty());
    }
    ir::Model model = parse(bytes);  // without a file in between
    annotate(model, three_devices(), alternate(model, 3), sidecar());
    CHECK(strip(model) > 0);
    CHECK(onnxio::serialize(model) == bytes);
    CHECK(strip(model) == 0);
    CHECK(onnxio::serialize(model) == bytes);
  }
}

TEST_CASE("every node carries device, annotation and a device entry for each output") {
  const std::string bytes =
      plain_model(Message()
                      .add(1, Message().add(1, "x").add(2, "a").add(2, "").add(2, "b").add(4, "Split"))
                      .add(1, node("Neg", "a", "z"))
                      .add(11, value_info("x"))
                      .add(12, value_info("z")))
          .bytes;
  const ir::Model model = parse(annotated(bytes, {}, 2));
  REQUIRE(model.configurations.size() == 1);
  CHECK(model.configurations[0].name == "allot");
  CHECK(model.configurations[0].num_devices == 3);
  CHECK(model.configurations[0].devices == std::vector<ir::Str>{"cpu0", "gpu0", "gpu1"});
  CHECK(model.ir_version == 11);
  CHECK(annotated_devices(model) == std::vector<std::string>{"cpu0", "gpu0"});

  const ir::Node& split = model.graph.nodes[0];
  CHECK(value(split, "layer_ann") == "allot.d0");
  REQUIRE(split.device_configurations.size() == 1);
  CHECK(split.device_configurations[0].configuration == "allot");
  CHECK(split.device_configurations[0].pipeline_stage == 0);
  REQUIRE(split.device_configurations[0].sharding.size() == 2);
  CHECK(split.device_configurations[0].sharding[0].tensor == "a");
  CHECK(split.device_configurations[0].sharding[1].tensor == "b");
  CHECK(split.device_configurations[0].sharding[1].devices == std::vector<int64_t>{0});
  CHECK(value(model.graph.nodes[1], "layer_ann") == "allot.d1");
  CHECK(model.graph.nodes[1].device_configurations[0].pipeline_stage == 1);
  CHECK(model.graph.nodes[1].device_configurations[0].sharding[0].devices == std::vector<int64_t>{1});
}

TEST_CASE("model metadata says where the placement comes from and how to run it") {
  const ir::Model model = parse(annotated(crafted_models()[0].bytes));
  CHECK(model.metadata_value("allot.version") == "0.1.0");
  CHECK(model.metadata_value("allot.devices") == R"(["cpu0","gpu0","gpu1"])");
  CHECK(model.metadata_value("allot.configuration") == "allot");
  CHECK(model.metadata_value("allot.graph_sha256") == "abc");
  CHECK(model.metadata_value("allot.makespan_us") == "12.5");
  CHECK(model.metadata_value("allot.peak_bytes") == R"({"cpu0":100,"gpu0":0,"gpu1":7})");
  CHECK(model.metadata_value("allot.ort.layer_assignment_settings") == "cuda(=allot.d1); cpu(=allot.d0)");
  CHECK(model.metadata_value("allot.ort.min_version") == "1.25");
  CHECK(model.metadata_value("allot.ir_version") == "8");
}

TEST_CASE("without a single session that serves all devices there are no session settings") {
  std::string bytes = plain_model(plain_graph().add(1, node("Abs", "z", "u"))).bytes;
  const ir::Model model = parse(annotated(bytes, {}, 3));
  CHECK_FALSE(model.metadata_value("allot.ort.layer_assignment_settings"));
  CHECK_FALSE(model.metadata_value("allot.ort.min_version"));
  CHECK(model.metadata_value("allot.devices"));
}

TEST_CASE("nodes in bodies go where their outermost node is") {
  const ir::Model model = parse(annotated(plain_model(nested_graph()).bytes));
  size_t nodes = 0;
  visit_nodes(model.graph, [&](const ir::Node& node, uint32_t owner) {
    ++nodes;
    CHECK(value(node, "layer_ann") == annotation(owner % 2));
    CHECK(node.device_configurations.size() == 1);
  });
  CHECK(nodes == 2 + 2 + 4);  // main graph, two middle bodies with one If each, four leaves
  ir::Model copy = parse(annotated(plain_model(nested_graph()).bytes));
  CHECK(strip(copy) == 8);
}

TEST_CASE("nodes of ops with a group tell it, those in bodies that of the node around them") {
  const ir::Model model = parse(annotated(plain_model(nested_graph()).bytes));
  visit_nodes(model.graph, [&](const ir::Node& node, uint32_t owner) {
    CHECK(value(node, "allot.group") == (owner == 1 ? "7/gpu0" : "-"));
  });
  const ir::Model foreign = parse(annotated(crafted_models()[9].bytes));
  CHECK(value(foreign.graph.nodes[0], "allot.prev_allot.group") == "a");
  CHECK(value(foreign.graph.nodes[0], "allot.group") == "-");
  CHECK(value(foreign.graph.nodes[1], "allot.group") == "7/gpu0");
}

TEST_CASE("function bodies are left alone") {
  const ir::Model model = parse(annotated(crafted_models().back().bytes));
  REQUIRE(model.functions.size() == 1);
  CHECK(model.functions[0].nodes[0].metadata.empty());
  CHECK(value(model.graph.nodes[0], "allot.device") == "cpu0");
}

TEST_CASE("a foreign annotation keeps its value and its place") {
  const ir::Model model = parse(annotated(crafted_models()[1].bytes));
  const auto& metadata = model.graph.nodes[0].metadata;
  REQUIRE(metadata.size() == 4);
  CHECK(metadata[0].key == "allot.prev_layer_ann");
  CHECK(metadata[0].value == "attention");
  CHECK(metadata[1].key == "name");
  CHECK(metadata[2].key == "layer_ann");
  CHECK(metadata[2].value == "allot.d0");
}

TEST_CASE("foreign device configurations and metadata stay") {
  const ir::Model model = parse(annotated(crafted_models()[4].bytes));
  REQUIRE(model.configurations.size() == 3);
  CHECK(model.configurations[1].name == "two");
  CHECK(model.graph.nodes[0].device_configurations.size() == 2);
  CHECK(model.graph.nodes[0].device_configurations[0].configuration == "two");
}

TEST_CASE("a configuration of that name by somebody else is refused") {
  ir::Model model = parse(crafted_models()[4].bytes);
  AnnotateOptions options;
  options.configuration = "two";
  try {
    annotate(model, three_devices(), {0, 1}, sidecar(), options);
    FAIL("was accepted");
  } catch (const base::Error& error) {
    CHECK(error.kind() == base::ErrorKind::config);
    CHECK_THAT(error.what(), Catch::Contains("'two' of other origin"));
  }
  CHECK(onnxio::serialize(model) == crafted_models()[4].bytes);
}

TEST_CASE("the IR version is raised unless weights would become overridable inputs") {
  const Quiet quiet;
  const auto version_of = [](const std::string& bytes) { return parse(bytes).ir_version; };
  AnnotateOptions keep;
  keep.ir_version = AnnotateOptions::IrVersion::keep;
  CHECK(version_of(annotated(plain_model(plain_graph(), 8).bytes)) == 11);
  CHECK(version_of(annotated(plain_model(plain_graph(), 3).bytes)) == 11);
  CHECK(version_of(annotated(plain_model(plain_graph(), 13).bytes)) == 13);
  CHECK(version_of(annotated(plain_model(plain_graph(), 8).bytes, keep)) == 8);
  const Message listed = plain_graph().add(5, tensor("w")).add(11, value_info("w"));
  CHECK(version_of(annotated(plain_model(listed, 3).bytes)) == 3);
  CHECK(version_of(annotated(plain_model(listed, 4).bytes)) == 11);
}

TEST_CASE("a tampered original IR version is not believed") {
  for (const char* text : {"", "x", "-3", "0", "99", "8 ", "18446744073709551624"}) {
    ir::Model model = parse(annotated(crafted_models()[0].bytes));
    for (auto& item : model.metadata)
      if (item.key == kIrVersion) item.value = text;
    strip(model);
    CHECK(model.ir_version == 11);
    CHECK_FALSE(model.metadata_value(kIrVersion));
  }
}

TEST_CASE("the validator finds what annotate() never writes") {
  const std::string good = annotated(plain_model(nested_graph()).bytes);
  struct Damage {
    const char* message;
    std::function<void(ir::Model&)> apply;
  };
  const auto entry_of = [](ir::Model& model) -> ir::NodeDeviceConfiguration& {
    return model.graph.nodes[1].device_configurations[0];
  };
  const auto inner = [](ir::Model& model) -> ir::Node& {
    return model.graph.nodes[1].attributes[0].graphs[0]->nodes[0];
  };
  const Damage damages[] = {
      {"two 'layer_ann'",
       [](auto& m) {
         m.graph.nodes[0].metadata.push_back({"layer_ann", "allot.d0", {}});
       }},
      {"no layer annotation of ours", [](auto& m) { m.graph.nodes[0].metadata.clear(); }},
      {"no layer annotation of ours", [](auto& m) { m.graph.nodes[0].metadata[0].value = "allot.d01"; }},
      {"a device of another name", [](auto& m) { m.graph.nodes[0].metadata[1].value = "gpu0"; }},
      {"a device of another name", [](auto& m) { m.graph.nodes[0].metadata[0].value = "allot.d7"; }},
      {"placed elsewhere than the node around it", [&](auto& m) { inner(m).metadata[0].value = "allot.d0"; }},
      {"has no entry for the placement's", [&](auto& m) { inner(m).device_configurations.clear(); }},
      {"neither reads nor makes", [&](auto& m) { entry_of(m).sharding[0].tensor = "x"; }},
      {"neither reads nor makes", [&](auto& m) { entry_of(m).sharding[0].tensor = ""; }},
      {"shards 'y' twice", [&](auto& m) { entry_of(m).sharding.push_back(entry_of(m).sharding[0]); }},
      {"on device 3 of 3", [&](auto& m) { entry_of(m).sharding[0].devices = {3}; }},
      {"contradicts its layer annotation", [&](auto& m) { entry_of(m).sharding[0].devices = {0}; }},
      {"contradicts its layer annotation", [&](auto& m) { entry_of(m).pipeline_stage = 2; }},
      {"outputs without a device", [&](auto& m) { entry_of(m).sharding.clear(); }},
      {"negative pipeline stage", [&](auto& m) { entry_of(m).pipeline_stage = -1; }},
      {"which is not there", [&](auto& m) { entry_of(m).configuration = "nowhere"; }},
      {"two entries for one", [&](auto& m) { m.graph.nodes[1].device_configurations.push_back(entry_of(m)); }},
      {"configuration is missing", [](auto& m) { m.configurations.clear(); }},
      {"occurs twice", [](auto& m) { m.configurations.push_back(m.configurations[0]); }},
      {"names 3 devices and claims 4", [](auto& m) { m.configurations[0].num_devices = 4; }},
      {"has no devices",
       [](auto& m) {
         m.configurations.push_back({"empty", 0, {}, {}});
       }},
      {"has no name",
       [](auto& m) {
         m.configurations.push_back({"", 1, {}, {}});
       }},
      {"the model: metadata has two 'allot.version'",
       [](auto& m) {
         m.metadata.push_back({kVersion, "", {}});
       }},
      {"annotated inside", [](auto& m) {
         m.functions.resize(1);
         m.functions[0].nodes.push_back(ir::clone(m.graph.nodes[0]));
       }}};
  for (const auto& damage : damages) {
    INFO(damage.message);
    ir::Model model = parse(good);
    damage.apply(model);
    const auto problems = validate_annotations(model);
    REQUIRE_FALSE(problems.empty());
    CHECK(std::any_of(problems.begin(), problems.end(),
                      [&](const std::string& text) { return text.find(damage.message) != std::string::npos; }));
  }
}

TEST_CASE("the validator stops at 100 problems") {
  ir::Model model = parse(annotated(crafted_models()[0].bytes));
  for (int i = 0; i < 1000; ++i) model.graph.nodes.push_back(ir::clone(model.graph.nodes[0]));
  for (auto& each : model.graph.nodes) each.metadata.clear();
  CHECK(validate_annotations(model).size() == 100);
}

TEST_CASE("strip undoes annotate on every model at hand") {
  const char* folders = std::getenv("ALLOT_TEST_MODELS");
  if (!folders) {
    WARN("skipped: set ALLOT_TEST_MODELS to folders with .onnx files, separated by colons");
    return;
  }
  const Quiet quiet;
  size_t models = 0;
  std::string rest = folders;
  while (!rest.empty()) {
    const std::string folder = rest.substr(0, rest.find(':'));
    rest.erase(0, folder.size() + 1);
    for (const auto& file : std::filesystem::recursive_directory_iterator(folder)) {
      if (file.path().extension() != ".onnx") continue;
      INFO(file.path());
      const auto original = base::Bytes::open(file.path().string());
      ir::Model model = onnxio::read(original);
      annotate(model, three_devices(), alternate(model, 2), sidecar());
      const std::string placed = onnxio::serialize(model);
      model = onnxio::read(base::Bytes::from(placed, file.path().string()));
      if (const auto problems = validate_annotations(model); !problems.empty()) FAIL_CHECK(problems[0]);
      annotate(model, three_devices(), alternate(model, 2), sidecar());
      if (onnxio::serialize(model) != placed) FAIL_CHECK("annotating twice is not annotating once");
      strip(model);
      if (onnxio::serialize(model) != original->view()) FAIL_CHECK("strip gives other bytes");
      ++models;
    }
  }
  WARN(models << " models");
  CHECK(models > 0);
}
