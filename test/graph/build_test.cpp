// SPDX-License-Identifier: Apache-2.0
#include "graph/build.h"

#include <algorithm>
#include <catch2/catch.hpp>

#include "base/error.h"
#include "support/model_builder.h"

using namespace allot;
using graph::BuildOptions;
using graph::kNone;
using test::attr;
using test::ModelBuilder;

namespace {

struct Planned {
  explicit Planned(ModelBuilder& builder, const BuildOptions& options = {})
      : model(builder.build()), planning(graph::prepare(model, {})), built(graph::build(planning, options)) {
    graph::check_invariants(built.graph);
  }
  const graph::OpGraph& graph() const { return built.graph; }
  graph::OpId op(const std::string& name) const { return index_of(graph().op_names, name); }
  graph::TensorId tensor(const std::string& name) const { return index_of(graph().tensor_names, name); }
  graph::ParamId param(const std::string& name) const { return index_of(graph().param_names, name); }
  static uint32_t index_of(const base::Names& names, const std::string& name) {
    for (uint32_t i = 0; i < names.size(); ++i)
      if (names[i] == name) return i;
    return kNone;
  }

  ir::Model model;
  graph::PlanningModel planning;
  graph::Built built;
};

std::vector<uint32_t> list(std::span<const uint32_t> row) { return {row.begin(), row.end()}; }

}  // namespace

TEST_CASE("weights are parameters, nodes are ops, values are tensors") {
  ModelBuilder b;
  b.input("x", {1, 3, 8, 8}).weight("w", {4, 3, 3, 3}).weight("bias", {4});
  b.node("Conv", {"x", "w", "bias"}, {"c"}, {attr("pads", {1, 1, 1, 1})}, "conv");
  b.node("Relu", {"c"}, {"y"}).output("y");
  const Planned p(b);
  REQUIRE(p.graph().num_ops() == 2);
  CHECK(p.graph().op_names == base::Names{"conv", "Relu_1"});
  CHECK(p.graph().tensor_names == base::Names{"x", "c", "y"});
  CHECK(p.graph().tensor_bytes == std::vector<int64_t>{4 * 192, 4 * 256, 4 * 256});
  CHECK(p.graph().param_names == base::Names{"w", "bias"});
  CHECK(p.graph().param_bytes == std::vector<int64_t>{4 * 108, 16});
  CHECK(list(p.graph().params[0]) == std::vector<uint32_t>{0, 1});
  CHECK(p.graph().params[1].empty());
  CHECK(p.graph().producer == std::vector<uint32_t>{kNone, 0, 1});
  CHECK(p.graph().is_output == std::vector<char>{0, 0, 1});
  CHECK(p.graph().type_names == std::vector<std::string>{"Conv", "Relu"});
}

TEST_CASE("a constant cone becomes one parameter, shared by its consumers") {
  ModelBuilder b;
  b.input("x", {2, 3}).weight("w", {4, 3});
  b.node("Transpose", {"w"}, {"t"}, {}, "transpose").node("Identity", {"t"}, {"alias"}, {}, "identity");
  b.node("MatMul", {"x", "alias"}, {"a"}, {}, "first").node("MatMul", {"x", "alias"}, {"b"}, {}, "second");
  b.output("a").output("b");
  const Planned p(b);
  CHECK(p.graph().op_names == base::Names{"first", "second"});
  CHECK(p.graph().param_names == base::Names{"alias"});
  CHECK(p.graph().param_bytes == std::vector<int64_t>{48});
  CHECK(list(p.graph().params[0]) == list(p.graph().params[1]));
  CHECK(p.built.folded == std::vector<uint32_t>{0, 1});
  CHECK(p.built.dead.empty());
  CHECK(p.built.op_of_node == std::vector<uint32_t>{0, 0, 0, 1});  // folded nodes follow their first consumer
}

TEST_CASE("a constant that is a graph output is made by an op") {
  ModelBuilder b;
  b.input("x", {3}).ints("shape", {3}).node("ConstantOfShape", {"shape"}, {"zeros"}, {}, "zeros");
  b.node("Add", {"x", "zeros"}, {"y"}, {}, "add").output("zeros").output("y");
  const Planned p(b);
  CHECK(p.graph().op_names == base::Names{"zeros", "add"});
  CHECK(p.built.folded.empty());
  CHECK(list(p.graph().inputs[p.op("add")]) == std::vector<uint32_t>{p.tensor("x"), p.tensor("zeros")});
  CHECK(p.graph().params[p.op("add")].empty());
  CHECK(p.graph().is_output[p.tensor("zeros")]);
}

TEST_CASE("dead nodes are left out and follow the op before them") {
  ModelBuilder b;
  b.input("x", {3}).input("unused", {5}).weight("w", {3});
  b.node("Relu", {"x"}, {"y"}, {}, "live")
      .node("Exp", {"y"}, {"e"}, {}, "dead")
      .node("Log", {"e"}, {"l"}, {}, "deader");
  b.node("Neg", {"w"}, {"n"}, {}, "constant dead").output("y");
  const Planned p(b);
  CHECK(p.graph().op_names == base::Names{"live"});
  CHECK(p.built.dead == std::vector<uint32_t>{1, 2, 3});
  CHECK(p.built.op_of_node == std::vector<uint32_t>{0, 0, 0, kNone});
  CHECK(p.graph().num_params() == 0);
  CHECK(p.graph().tensor_names == base::Names{"x", "unused", "y"});
}

TEST_CASE("ops are numbered topologically whatever the order in the file") {
  ModelBuilder b;
  b.input("x", {3}).node("Exp", {"m"}, {"y"}, {}, "last").node("Relu", {"x"}, {"m"}, {}, "first").output("y");
  const Planned p(b);
  CHECK(p.graph().op_names == base::Names{"first", "last"});
  CHECK(p.graph().node == std::vector<uint32_t>{1, 0});
}

TEST_CASE("absent inputs and outputs are no values, and one read twice is one input") {
  ModelBuilder b;
  b.input("x", {3, 4}).node("Clip", {"x", "", ""}, {"c"}).node("Dropout", {"c"}, {"d", ""});
  b.node("Mul", {"d", "d"}, {"y"}).output("y");
  const Planned p(b);
  CHECK(p.graph().tensor_names == base::Names{"x", "c", "d", "y"});
  CHECK(p.graph().inputs[2].size() == 1);
}

TEST_CASE("an initializer that is also a graph input is a parameter") {
  ModelBuilder b;
  b.input("x", {2, 3}).input("w", {3, 4}).weight("w", {3, 4}).node("MatMul", {"x", "w"}, {"y"}).output("y");
  const Planned p(b);
  CHECK(p.graph().tensor_names == base::Names{"x", "y"});
  CHECK(p.graph().param_names == base::Names{"w"});
}

TEST_CASE("a graph without ops and an input that is an output") {
  ModelBuilder b;
  b.input("x", {3}).output("x");
  const Planned p(b);
  CHECK(p.graph().num_ops() == 0);
  CHECK(p.graph().num_units() == 0);
  CHECK(p.graph().is_output == std::vector<char>{1});
}

TEST_CASE("control flow is one op that reads what its bodies capture and holds their constants") {
  ModelBuilder b;
  b.input("x", {2, 3}).input("c", {}, ir::DataType::boolean).weight("outer", {3, 3});
  auto inner = b.body();
  inner.weight("deep", {7}).node("Add", {"t", "deep"}, {"i"}).output("i");
  auto inner_else = b.body();
  inner_else.node("Identity", {"t"}, {"ie"}).output("ie");
  auto then_branch = b.body();
  then_branch.weight("own", {3, 7}).node("MatMul", {"x", "own"}, {"t"});
  then_branch.node("Neg", {"own"}, {"folded"}).node("MatMul", {"x", "folded"}, {"unused"});
  then_branch.node("If", {"c"}, {"r"},
                   {attr("then_branch", std::move(inner)), attr("else_branch", std::move(inner_else))});
  then_branch.output("r");
  auto else_branch = b.body();
  else_branch.node("MatMul", {"r0", "outer"}, {"e"}).output("e");
  b.node("Relu", {"x"}, {"r0"}, {}, "relu");
  b.node("If", {"c"}, {"y"}, {attr("then_branch", std::move(then_branch)), attr("else_branch", std::move(else_branch))},
         "if");
  b.output("y");
  const Planned p(b);
  REQUIRE(p.graph().op_names == base::Names{"relu", "if"});
  CHECK(list(p.graph().inputs[1]) == std::vector<uint32_t>{p.tensor("x"), p.tensor("c"), p.tensor("r0")});
  std::vector<std::string> params;
  for (const uint32_t param : p.graph().params[1]) params.emplace_back(p.graph().param_names[param]);
  std::sort(params.begin(), params.end());
  CHECK(params == std::vector<std::string>{"deep", "folded", "outer", "own"});
  CHECK(p.graph().param_bytes[p.param("deep")] == 28);
}

TEST_CASE("ops that tell shapes are listed where they are nodes of the file") {
  ModelBuilder b;
  b.opset("my", 1).input("x", {2, 3}).node("Relu", {"x"}, {"r"}, {}, "relu").node("Shape", {"r"}, {"s"}, {}, "shape");
  b.node("Size", {"r"}, {"n"}, {}, "size").node("my.ShapeOf", {"r"}, {"c"}, {}, "call");
  b.output("s").output("n").output("c");
  ir::Model model = b.build();
  ir::Node inner;
  inner.op_type = "Shape";
  inner.inputs = {"p"};
  inner.outputs = {"q"};
  ir::Function function;
  function.name = "ShapeOf";
  function.domain = "my";
  function.inputs = {"p"};
  function.outputs = {"q"};
  function.opset_imports = {{"", 17, {}}};
  function.nodes.push_back(std::move(inner));
  model.functions.push_back(std::move(function));
  const graph::OpGraph graph = graph::build(graph::prepare(model, {}), {}).graph;
  REQUIRE(graph.num_ops() == 4);
  CHECK(graph.shape_ops == std::vector<graph::OpId>{1, 2});  // not the one that is the call's body
}

TEST_CASE("operator types carry their domain") {
  ModelBuilder b;
  b.opset("my.domain", 1).input("x", {2}).node("my.domain.Thing", {"x"}, {"t"}).node("Relu", {"t"}, {"y"}).output("y");
  const Planned p(b);
  CHECK(p.graph().type_names == std::vector<std::string>{"Relu", "my.domain.Thing"});
  CHECK(p.graph().type == std::vector<uint16_t>{1, 0});
}

TEST_CASE("sizes that no sum could hold are refused") {
  ModelBuilder b;
  b.input("v0", {int64_t{1} << 50});
  for (int i = 0; i < 600; ++i) b.node("Relu", {"v" + std::to_string(i)}, {"v" + std::to_string(i + 1)});
  b.output("v600");
  try {
    Planned p(b);
    FAIL("accepted");
  } catch (const base::Error& error) {
    CHECK(error.kind() == base::ErrorKind::malformed);
    CHECK(error.where() == "tensor 'v511'");
  }
}

TEST_CASE("a planning model can be moved") {
  ModelBuilder b;
  b.input("x", {3}).node("Relu", {"x"}, {"y"}).output("y");
  const ir::Model model = b.build();
  auto first = graph::prepare(model, {});
  const graph::PlanningModel second = std::move(first);
  CHECK(graph::build(second, {}).graph.num_ops() == 1);
}
