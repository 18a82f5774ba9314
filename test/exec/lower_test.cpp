// SPDX-License-Identifier: Apache-2.0
#include "exec/lower.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/allclose.h>
#include <ATen/ops/full.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/relu.h>
#include <ATen/ops/softmax.h>
#include <ATen/ops/tensor.h>

#include <catch2/catch.hpp>

#include "base/error.h"
#include "exec/program.h"
#include "ir/builder.h"

using namespace allot;
using ir::DataType;

namespace {

ir::Node node(ir::Str type, std::vector<ir::Str> inputs, std::vector<ir::Str> outputs, ir::Str domain = "") {
  ir::Node node;
  node.op_type = type;
  node.domain = domain;
  node.inputs = std::move(inputs);
  node.outputs = std::move(outputs);
  return node;
}

ir::Function function(ir::Str name, int64_t opset, std::vector<ir::Node> nodes) {
  ir::Function function;
  function.name = name;
  function.domain = "local";
  function.inputs = {"a"};
  function.outputs = {"b"};
  function.opset_imports = {{"", opset, {}}, {"local", 1, {}}};
  function.nodes = std::move(nodes);
  return function;
}

template <typename... Nodes>
std::vector<ir::Node> nodes(Nodes... items) {
  std::vector<ir::Node> list;
  (list.push_back(std::move(items)), ...);
  return list;
}

/// y = type(x), x of shape [2,2,2].
ir::Model unary(ir::Str type, ir::Str domain = "", int64_t opset = 21) {
  ir::Model model;
  model.ir_version = 10;
  model.opset_imports = {{"", opset, {}}, {"local", 1, {}}};
  model.graph.inputs = {{"x", ir::tensor_type(DataType::float32, {2, 2, 2}), {}, false}};
  model.graph.nodes.push_back(node(type, {"x"}, {"y"}, domain));
  model.graph.outputs = {{"y", ir::tensor_type(DataType::float32, {2, 2, 2}), {}, false}};
  return model;
}

at::Tensor input() { return at::tensor(std::vector<float>{-3, 1, -1, 2, 0.5, -0.25, 4, -2}).reshape({2, 2, 2}); }

at::Tensor run(const ir::Model& model, const exec::CompileOptions& options = {}) {
  return exec::Program(model, options).run({input()})[0].tensor();
}

std::vector<std::string> operators(const exec::Lowered& lowered) {
  std::vector<std::string> types;
  for (const auto& node : lowered.model.graph.nodes) types.emplace_back(node.op_type);
  return types;
}

std::string error_of(const ir::Model& model) {
  try {
    exec::Program program(model);
    program.run({input()});
  } catch (const base::Error& error) {
    return fmt::format("{} {}", base::exit_code(error.kind()), error.what());
  }
  return "no error";
}

}  // namespace

TEST_CASE("lower: a model without functions stays, its nodes get names") {
  const auto lowered = exec::lower(unary("Relu"));
  CHECK(operators(lowered) == std::vector<std::string>{"Relu"});
  CHECK(lowered.model.graph.nodes[0].name == "#0");
  CHECK(lowered.origins.empty());
  CHECK(lowered.opset(lowered.model.graph.nodes[0]) == 21);
}

TEST_CASE("lower: an operator runs as ONNX defines it, with or without a kernel of its own") {
  CHECK(operators(exec::lower(unary("Softmax"), {"Softmax"})).size() > 3);
  exec::CompileOptions options;
  options.expanded = {"Softmax"};
  for (const int64_t opset : {13, 17, 18, 21})
    CHECK(at::allclose(run(unary("Softmax", "", opset), options), at::softmax(input(), -1)));
}

TEST_CASE("lower: functions in functions, each with the opset that it imports") {
  // Softmax goes over all but the first dimension in opset 12, and over the last one in 21.
  ir::Model model = unary("Outer", "local");
  model.functions.push_back(function("Old", 12, nodes(node("Softmax", {"a"}, {"b"}))));
  model.functions.push_back(
      function("Outer", 21, nodes(node("Old", {"a"}, {"m"}, "local"), node("Softmax", {"m"}, {"b"}))));
  const at::Tensor middle = at::softmax(input().reshape({2, 4}), 1).reshape({2, 2, 2});
  CHECK(at::allclose(run(model), at::softmax(middle, -1)));
  const auto lowered = exec::lower(model);
  REQUIRE(operators(lowered) == std::vector<std::string>{"Softmax", "Softmax"});
  CHECK(lowered.opset(lowered.model.graph.nodes[0]) == 12);
  CHECK(lowered.opset(lowered.model.graph.nodes[1]) == 21);
}

TEST_CASE("lower: calls in the branches of an If") {
  ir::Model model = unary("If");
  model.graph.inputs.push_back({"condition", ir::tensor_type(DataType::boolean, {}), {}, false});
  model.functions.push_back(function("Activate", 21, nodes(node("Relu", {"a"}, {"b"}))));
  ir::Node& branching = model.graph.nodes[0];
  branching.inputs = {"condition"};
  for (const ir::Str name : {"then_branch", "else_branch"}) {
    ir::Attribute attribute;
    attribute.name = name;
    attribute.kind = ir::Attribute::Kind::graph;
    auto& graph = *attribute.graphs.emplace_back(std::make_unique<ir::Graph>());
    const bool is_then = name == "then_branch";
    graph.nodes.push_back(node(is_then ? "Activate" : "Softmax", {"x"}, {"r"}, is_then ? "local" : ""));
    graph.outputs = {{"r", ir::tensor_type(DataType::float32, {2, 2, 2}), {}, false}};
    branching.attributes.push_back(std::move(attribute));
  }
  const exec::Program program(model);
  const auto result = [&](bool condition) { return program.run({input(), at::full({}, condition, at::kBool)})[0].tensor(); };
  CHECK(at::equal(result(true), at::relu(input())));
  CHECK(at::allclose(result(false), at::softmax(input(), -1)));
}

TEST_CASE("lower: errors within a function name the node that calls it") {
  ir::Model model = unary("Outer", "local");
  model.graph.nodes[0].name = "caller";
  model.functions.push_back(
      function("Inner", 21, nodes(node("MatMul", {"a", "a"}, {"m"}), node("NoSuch", {"m"}, {"b"}))));
  model.functions.push_back(function("Outer", 21, nodes(node("Inner", {"a"}, {"b"}, "local"))));
  CHECK(error_of(model).find("node 'caller' (local.Inner: NoSuch): there is no kernel for it") != std::string::npos);
  model.functions[0].nodes[1] = node("Relu", {"m"}, {"b"});
  model.graph.inputs[0].type = ir::tensor_type(DataType::float32, {2, 3});
  const exec::Program program(model);
  try {
    program.run({at::ones({2, 3})});
    FAIL("2 x 3 times 2 x 3");
  } catch (const base::Error& error) {
    CHECK(error.where() == "node 'caller' (local.Inner: MatMul)");
  }
}

TEST_CASE("lower: recursion and calls with too many inputs are refused") {
  ir::Model model = unary("Self", "local");
  model.functions.push_back(function("Self", 21, nodes(node("Self", {"a"}, {"b"}, "local"))));
  CHECK(error_of(model).find("calls and graphs nest deeper than 128; flatten the functions of the model; none may call "
                             "itself") != std::string::npos);
  // Two calls a level, thirty levels: a billion nodes.
  ir::Model wide = unary("F0", "local");
  std::vector<std::string> names;
  for (int i = 0; i <= 30; ++i) names.push_back("F" + std::to_string(i));
  for (size_t i = 0; i < 30; ++i)
    wide.functions.push_back(function(
        names[i], 21, nodes(node(names[i + 1], {"a"}, {"m"}, "local"), node(names[i + 1], {"m"}, {"b"}, "local"))));
  wide.functions.push_back(function(names[30], 21, nodes(node("Relu", {"a"}, {"b"}))));
  CHECK(error_of(wide).find("functions hold more than 1000000 nodes") != std::string::npos);

  ir::Model many = unary("Activate", "local");
  many.functions.push_back(function("Activate", 21, nodes(node("Relu", {"a"}, {"b"}))));
  many.graph.nodes[0].inputs = {"x", "x"};
  CHECK(error_of(many).find("has 2 inputs; the function takes 1") != std::string::npos);
}
