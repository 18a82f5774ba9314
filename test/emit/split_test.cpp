// SPDX-License-Identifier: Apache-2.0
#include "emit/split.h"

#include <rapidcheck.h>
#include <catch2/catch.hpp>

#include "base/error.h"
#include "base/rng.h"
#include "emit/part.h"
#include "support/model_builder.h"
#include "support/simple_cluster.h"

using namespace allot;
using namespace allot::emit;
using test::attr;
using test::ModelBuilder;

namespace {

using Devices = std::vector<cluster::DeviceId>;

struct Cut {
  ir::Model model;
  ir::Values values;
  std::vector<Segment> segments;

  Cut(ir::Model read, const Devices& devices, Replicated replicated = {}) : model(std::move(read)) {
    values = ir::resolve(model);
    replicated.resize(devices.size());
    segments = find_segments(values, devices, std::move(replicated));
  }
  std::vector<std::string> names(const std::vector<ir::ValueId>& list) const {
    std::vector<std::string> result;
    for (const auto value : list) result.emplace_back(values.values[value].name);
    return result;
  }
};

using Names = std::vector<std::string>;
using Nodes = std::vector<ir::NodeId>;

// x -> a -> b -> c -> out, every op one node.
ir::Model chain() {
  ModelBuilder b;
  b.input("x", {4}).node("Relu", {"x"}, {"a"}).node("Neg", {"a"}, {"b"}).node("Abs", {"b"}, {"c"}).output("c");
  return b.build();
}

/// The dimensions of a value as text: "2 batch ?".
std::string dims_text(const ir::Type& type) {
  std::string text;
  for (const auto& dim : type.dims) {
    if (!text.empty()) text += ' ';
    text += dim.value >= 0 ? std::to_string(dim.value) : dim.symbol.empty() ? "?" : std::string(dim.symbol);
  }
  return text;
}

ir::Model with_symbols(ModelBuilder& b, const std::vector<std::string>& symbols) {
  ir::Model model = b.build();
  for (size_t i = 0; i < symbols.size(); ++i)
    if (!symbols[i].empty()) model.graph.inputs[0].type.dims[i] = {-1, model.intern(symbols[i])};
  return model;
}

}  // namespace

TEST_CASE("a device that is left and entered again has two segments") {
  const Cut cut(chain(), {0, 1, 0});
  REQUIRE(cut.segments.size() == 3);
  CHECK(cut.segments[0].device == 0);
  CHECK(cut.segments[1].device == 1);
  CHECK(cut.segments[2].device == 0);
  CHECK(cut.names(cut.segments[1].inputs) == Names{"a"});
  CHECK(cut.names(cut.segments[1].outputs) == Names{"b"});
  CHECK(cut.names(cut.segments[2].inputs) == Names{"b"});
  CHECK(cut.names(cut.segments[2].outputs) == Names{"c"});
}

TEST_CASE("what a device could do early waits for its later segment") {
  // m needs nothing of device 0, and its only reader is on device 1 behind a.
  ModelBuilder b;
  b.input("x", {4}).input("mask", {4});
  b.node("Relu", {"x"}, {"a"}).node("Neg", {"mask"}, {"m"}).node("Add", {"a", "m"}, {"out"}).output("out");
  const Cut cut(b.build(), {0, 1, 1});
  REQUIRE(cut.segments.size() == 2);
  CHECK(cut.segments[1].nodes == Nodes{1, 2});
  CHECK(cut.names(cut.segments[1].inputs) == Names{"mask", "a"});
}

TEST_CASE("a segment that others wait for is not held back") {
  // device 1 makes m, which device 0 needs for a, which device 1 needs for out.
  ModelBuilder b;
  b.input("mask", {4});
  b.node("Neg", {"mask"}, {"m"}).node("Relu", {"m"}, {"a"}).node("Add", {"a", "m"}, {"out"}).output("out");
  const Cut cut(b.build(), {1, 0, 1});
  REQUIRE(cut.segments.size() == 3);
  CHECK(cut.segments[0].nodes == Nodes{0});
  CHECK(cut.names(cut.segments[0].outputs) == Names{"m"});
}

TEST_CASE("dead nodes are in no segment, replicated ones in each that needs them") {
  ModelBuilder b;
  b.input("x", {4}).weight("w", {4});
  b.node("Exp", {"w"}, {"k"});
  b.node("Add", {"x", "k"}, {"a"}).node("Mul", {"a", "k"}, {"out"}).node("Neg", {"a"}, {"unused"}).output("out");
  const Cut cut(b.build(), {0, 0, 1, 1}, {true, false, false, false});
  REQUIRE(cut.segments.size() == 2);
  CHECK(cut.segments[0].nodes == Nodes{0, 1});
  CHECK(cut.segments[1].nodes == Nodes{0, 2});
  CHECK(cut.names(cut.segments[1].inputs) == Names{"a"});
  CHECK(cut.names(cut.segments[1].constants) == Names{"w"});
  CHECK(cut.names(cut.segments[0].outputs) == Names{"a"});
}

TEST_CASE("a body's captured value comes from the segment that makes it") {
  ModelBuilder b;
  b.input("x", {4}).input("c", {}, ir::DataType::boolean).node("Relu", {"x"}, {"a"});
  auto then_body = b.body(), else_body = b.body();
  then_body.node("Neg", {"a"}, {"t"}).output("t");
  else_body.node("Abs", {"x"}, {"e"}).output("e");
  b.node("If", {"c"}, {"out"}, {attr("then_branch", std::move(then_body)), attr("else_branch", std::move(else_body))});
  b.output("out");
  const Cut cut(b.build(), {0, 1});
  REQUIRE(cut.segments.size() == 2);
  CHECK(cut.names(cut.segments[1].inputs) == Names{"x", "c", "a"});
}

TEST_CASE("segments of random graphs can run in order and hold every op once") {
  const bool holds = rc::check([] {
    const auto nodes = *rc::gen::inRange<uint32_t>(1, 60);
    const auto devices = *rc::gen::inRange<uint32_t>(1, 5);
    base::Rng rng(*rc::gen::arbitrary<uint32_t>());
    ModelBuilder b;
    b.input("v0", {4});
    Devices device_of_node;
    for (uint32_t i = 1; i <= nodes; ++i) {
      b.node("Add", {"v" + std::to_string(rng.below(i)), "v" + std::to_string(rng.below(i))},
             {"v" + std::to_string(i)});
      b.output("v" + std::to_string(i));
      device_of_node.push_back(rng.below(devices));
    }
    const Cut cut(b.build(), device_of_node);
    std::vector<char> made(cut.values.values.size());
    made[cut.values.find("v0")] = true;
    uint32_t held = 0;
    for (const auto& segment : cut.segments) {
      for (const auto value : segment.inputs) RC_ASSERT(made[value]);
      for (const auto node : segment.nodes) {
        RC_ASSERT(device_of_node[node] == segment.device);
        ++held;
      }
      for (const auto value : segment.outputs) made[value] = true;
    }
    RC_ASSERT(held == nodes);
  });
  CHECK(holds);
}

TEST_CASE("boundary types tell fixed dimensions from those of the inputs") {
  ModelBuilder b;
  b.input("x", {-1, -1, 8}).ints("flat", {0, -1}).ints("merge", {-1, 8}).floats("w", std::vector<float>(8, 1));
  b.node("Add", {"x", "w"}, {"kept"}).node("Reshape", {"kept", "flat"}, {"flattened"});
  b.node("Reshape", {"x", "merge"}, {"merged"}).output("flattened").output("merged");
  const ir::Model model = with_symbols(b, {"batch", "seq", ""});
  const auto planning = graph::prepare(model, {});  // both are 1
  const BoundaryTypes types(planning);
  CHECK(dims_text(types.type("kept")) == "batch seq 8");
  CHECK(dims_text(types.type("flattened")) == "batch ?");
  CHECK(dims_text(types.type("merged")) == "? 8");
  CHECK(types.bytes("kept") == 32);
}

TEST_CASE("boundary types of a model without symbols are all fixed") {
  ModelBuilder b;
  b.input("x", {2, 3}).node("Transpose", {"x"}, {"y"}, {attr("perm", {1, 0})}).output("y");
  const ir::Model model = b.build();
  const auto planning = graph::prepare(model, {});
  CHECK(dims_text(BoundaryTypes(planning).type("y")) == "3 2");
}

TEST_CASE("a model that accepts no other sizes gives ranks only") {
  // The sum needs both dimensions to be 7.
  ModelBuilder b;
  b.input("x", {-1}).weight("w", {7}).node("Add", {"x", "w"}, {"y"}).node("Neg", {"y"}, {"z"}).output("z");
  const ir::Model model = with_symbols(b, {"n"});
  shape::Bindings bindings;
  bindings.dims["n"] = 7;
  const auto planning = graph::prepare(model, bindings);
  CHECK(dims_text(BoundaryTypes(planning).type("z")) == "?");
}

TEST_CASE("arithmetic on shapes is computed by every part that uses it") {
  ModelBuilder b;
  b.input("x", {4, 6}).ints("first", {0}).ints("rest", {-1});
  b.node("Shape", {"x"}, {"s"})
      .node("Gather", {"s", "first"}, {"n"})
      .node("Concat", {"n", "rest"}, {"t"}, {attr("axis", 0)});
  b.node("Reshape", {"x", "t"}, {"y"}).node("Relu", {"y"}, {"r"}).node("Reshape", {"r", "t"}, {"out"}).output("out");
  const ir::Model model = b.build();
  const auto planning = graph::prepare(model, {});
  const auto cluster = test::simple_cluster();
  const Devices devices = {0, 1, 1, 0, 0, 1};  // what shapes are computed on does not matter
  const Split result = split({model, planning, cluster, devices, {}, "test"});
  REQUIRE(result.parts.size() == 2);
  const auto& second = result.parts[1].model.graph;
  REQUIRE(second.inputs.size() == 2);
  CHECK(second.inputs[0].name == "s");
  CHECK(second.inputs[1].name == "r");
  CHECK(second.nodes.size() == 3);
  CHECK(result.parts[0].model.graph.nodes.size() == 5);
  CHECK(result.parts[0].file == "00-d0.onnx");
}

TEST_CASE("more parts than anybody could run are refused") {
  ModelBuilder b;
  b.input("v0", {4});
  Devices devices;
  for (uint32_t i = 0; i < kMaxParts + 1; ++i) {
    b.node("Neg", {"v" + std::to_string(i)}, {"v" + std::to_string(i + 1)});
    devices.push_back(i % 2);
  }
  b.output("v" + std::to_string(kMaxParts + 1));
  const ir::Model model = b.build();
  const auto planning = graph::prepare(model, {});
  const auto cluster = test::simple_cluster();
  CHECK_THROWS_WITH(split({model, planning, cluster, devices, {}, "test"}), Catch::Contains("1001 sub-models"));
}
