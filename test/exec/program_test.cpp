// SPDX-License-Identifier: Apache-2.0
#include "exec/program.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/allclose.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/full.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/tensor.h>
#include <c10/core/GradMode.h>

#include <thread>

#include <catch2/catch.hpp>

#include "base/error.h"
#include "ir/builder.h"

using namespace allot;
using exec::Value;
using ir::DataType;

namespace {

std::string error_of(const std::function<void()>& action) {
  try {
    action();
  } catch (const base::Error& error) {
    return fmt::format("{} {}", base::exit_code(error.kind()), error.what());
  }
  return "no error";
}

std::string compile_error(const ir::Model& model, const exec::CompileOptions& options = {}) {
  return error_of([&] { exec::Program program(model, options); });
}

at::Tensor numbers(const std::vector<double>& values, at::ScalarType type = at::kFloat) {
  return at::tensor(values, at::kDouble).to(type);
}

void add_initializer(ir::Model& model, ir::Str name, const at::Tensor& values, DataType type = DataType::float32) {
  ir::Tensor tensor;
  tensor.name = name;
  tensor.dtype = type;
  tensor.dims = values.sizes().vec();
  tensor.payload.where = ir::Payload::Where::owned;
  tensor.payload.owned =
      std::make_shared<const std::string>(static_cast<const char*>(values.const_data_ptr()), values.nbytes());
  model.graph.initializers.push_back(std::move(tensor));
}

ir::Node node(ir::Str type, std::vector<ir::Str> inputs, std::vector<ir::Str> outputs) {
  ir::Node node;
  node.op_type = type;
  node.inputs = std::move(inputs);
  node.outputs = std::move(outputs);
  return node;
}

ir::ValueInfo value(ir::Str name, DataType elem = DataType::float32, const std::vector<int64_t>& dims = {}) {
  return {name, ir::tensor_type(elem, dims), {}, false};
}

ir::Attribute graph_attribute(ir::Str name, ir::Graph graph) {
  ir::Attribute attribute;
  attribute.name = name;
  attribute.kind = ir::Attribute::Kind::graph;
  attribute.graphs.push_back(std::make_unique<ir::Graph>(std::move(graph)));
  return attribute;
}

/// y = relu(x + w), w = [1, -1].
ir::Model add_relu() {
  ir::Model model;
  model.ir_version = 10;
  model.opset_imports.push_back({"", 21, {}});
  model.graph.inputs.push_back(value("x", DataType::float32, {-1, 2}));
  model.graph.inputs[0].type.dims[0].symbol = "batch";
  model.graph.nodes.push_back(node("Add", {"x", "w"}, {"h"}));
  model.graph.nodes.push_back(node("Relu", {"h"}, {"y"}));
  model.graph.outputs.push_back(value("y"));
  add_initializer(model, "w", numbers({1, -1}));
  return model;
}

}  // namespace

TEST_CASE("program: inputs are checked by name, type and shape") {
  const exec::Program program(add_relu());
  CHECK(at::equal(program.run({numbers({0, 3}).reshape({1, 2})})[0].tensor(), numbers({1, 2}).reshape({1, 2})));
  const auto error = [&](const std::vector<Value>& inputs) { return error_of([&] { program.run(inputs); }); };
  const std::string wants = "65 input 'x': the model wants float32[batch,2], but gets ";
  const std::string fix = "; give a tensor of that type and shape";
  CHECK(error({}) == "65 input 'x': is missing; give a value for it");
  CHECK(error({numbers({0, 3})}) == wants + "float32[2]" + fix);
  CHECK(error({at::ones({4, 3})}) == wants + "float32[4,3]" + fix);
  CHECK(error({at::ones({4, 2}, at::kLong)}) == wants + "int64[4,2]" + fix);
  CHECK(error({Value(exec::Sequence{})}) == wants + "a sequence of 0" + fix);
  CHECK(error({at::ones({1, 2}), at::ones({1})}) == "65 2 inputs are given, but the model has 1");
}

TEST_CASE("program: all that cannot be run is listed at once, before anything runs") {
  auto model = add_relu();
  model.graph.nodes.push_back(node("NoSuchOperator", {"y"}, {"z"}));
  model.graph.nodes[2].name = "first";
  model.graph.nodes.push_back(node("Other", {"z"}, {"u"}));
  model.graph.nodes[3].domain = "com.example";
  model.graph.outputs.push_back(value("u"));
  const std::string error = compile_error(model);
  CHECK(error.substr(0, 3) == "69 ");
  CHECK(error.find("node 'first' (NoSuchOperator): there is no kernel for it; node '#3' (com.example.Other)") !=
        std::string::npos);
}

TEST_CASE("program: any value on request, and nothing that no output needs") {
  auto model = add_relu();
  model.graph.nodes.push_back(node("MatMul", {"y", "w3"}, {"never"}));  // its shapes do not fit
  add_initializer(model, "w3", numbers({1, 2, 3}));
  exec::CompileOptions options;
  options.outputs = {"h", "y"};
  const exec::Program program(model, options);
  CHECK(program.outputs() == options.outputs);
  CHECK(program.plan().blocks[0].steps.size() == 2);
  const auto outputs = program.run({numbers({0, 0}).reshape({1, 2})});
  CHECK(at::equal(outputs[0].tensor(), numbers({1, -1}).reshape({1, 2})));
  CHECK(at::equal(outputs[1].tensor(), numbers({1, 0}).reshape({1, 2})));
  options.outputs = {"nothing"};
  CHECK(compile_error(model, options) ==
        "78 output 'nothing': the model has no such value; name an output of one of its nodes");
}

TEST_CASE("program: an error at run time names the node") {
  auto model = add_relu();
  model.graph.nodes[0].name = "sum";
  model.graph.inputs[0].type.dims[1].value = -1;
  const exec::Program program(model);
  const std::string error = error_of([&] { program.run({at::ones({1, 3})}); });
  CHECK(error.substr(0, 21) == "65 node 'sum' (Add): ");
}

TEST_CASE("program: an initializer that is an input is a default since IR 4, and a weight before") {
  auto model = add_relu();
  model.graph.inputs.push_back(value("w", DataType::float32, {2}));
  const at::Tensor x = at::ones({1, 2}), w = numbers({5, 6});
  const exec::Program recent(model);
  REQUIRE(recent.inputs().size() == 2);
  CHECK(recent.inputs()[1].optional);
  CHECK(at::equal(recent.run({x})[0].tensor(), numbers({2, 0}).reshape({1, 2})));
  CHECK(at::equal(recent.run({x, w})[0].tensor(), numbers({6, 7}).reshape({1, 2})));
  model.ir_version = 3;
  const exec::Program old(model);
  CHECK(old.inputs().size() == 1);
  CHECK(at::equal(old.run({x})[0].tensor(), numbers({2, 0}).reshape({1, 2})));
}

TEST_CASE("program: what is constant is computed once, and its sources are dropped") {
  auto model = add_relu();
  add_initializer(model, "a", numbers({3, 4}));
  model.graph.nodes.insert(model.graph.nodes.begin(), node("Mul", {"a", "w"}, {"b"}));
  model.graph.nodes[1].inputs[1] = "b";
  const exec::Program program(model);
  CHECK(program.plan().blocks[0].steps.size() == 2);
  int64_t kept = 0;
  for (const Value& constant : program.plan().constants) kept += !constant.absent();
  CHECK(kept == 1);
  CHECK(at::equal(program.run({at::ones({1, 2})})[0].tensor(), numbers({4, 0}).reshape({1, 2})));
}

TEST_CASE("program: a weight used twice is one leaf, and its gradients add up") {
  auto model = add_relu();
  model.graph.nodes[1] = node("Mul", {"h", "w"}, {"y"});  // y = (x + w) w
  exec::CompileOptions options;
  options.trained = {{"w", {}}};
  const exec::Program program(model, options);
  REQUIRE(program.parameters().size() == 1);
  program.run({numbers({10, 20}).reshape({1, 2})})[0].tensor().sum().backward();
  CHECK(at::equal(program.parameters()[0].tensor.grad(), numbers({12, 18})));  // x + 2 w
}

TEST_CASE("program: half-precision weights train in float32 and are rounded in every run") {
  auto model = add_relu();
  model.graph.inputs[0].type.elem = DataType::float16;
  model.graph.initializers.clear();
  add_initializer(model, "w", numbers({1, 1}, at::kHalf), DataType::float16);
  exec::CompileOptions options;
  options.trained = {{"w", {}}};
  const exec::Program program(model, options);
  const at::Tensor& leaf = program.parameters()[0].tensor;
  CHECK(leaf.scalar_type() == at::kFloat);
  CHECK(program.parameters()[0].stored == DataType::float16);
  const auto run = [&] { return program.run({at::ones({1, 2}, at::kHalf)})[0].tensor(); };
  for (int i = 0; i < 4; ++i) {
    const at::NoGradGuard no_gradients;
    leaf.add_(1.0 / 4096);  // a quarter of what float16 can tell from 1 above it
  }
  const at::Tensor y = run();
  CHECK(y.scalar_type() == at::kHalf);
  CHECK(y[0][0].item<float>() == 2 + 1.0f / 1024 * 0);  // 2 + 2^-10 rounds to 2 in float16
  CHECK(leaf[0].item<float>() == 1 + 1.0f / 1024);
  y.sum().backward();
  CHECK(at::equal(leaf.grad(), numbers({1, 1})));
}

TEST_CASE("program: a value is released after its last use") {
  ir::Builder builder("chain");
  ir::Str last = builder.input("x", DataType::float32, {64});
  for (int i = 0; i < 20; ++i) last = builder.add("Relu", {last});
  builder.output(last, DataType::float32, {64});
  const exec::Program program(builder.finish());
  exec::Frame frame(program.plan(), {});
  const exec::Block& block = program.plan().blocks[0];
  const at::NoGradGuard no_gradients;
  at::Tensor x = at::ones({64});
  frame.slot(block.inputs[0]) = x;
  for (const exec::Step& step : block.steps) {
    frame.run(step);
    int64_t live = 0;
    for (exec::Slot slot = 0; slot < program.plan().constants.size(); ++slot) live += !frame.slot(slot).absent();
    CHECK(live == 1);
  }
  CHECK(x.use_count() == 1);
}

TEST_CASE("program: a Loop with captured values, an If in its body, and gradients through all rounds") {
  // Four rounds of: if x > 0 then state * w else state + w, where w and the condition are the main graph's.
  ir::Model model;
  model.ir_version = 10;
  model.opset_imports.push_back({"", 21, {}});
  model.graph.inputs = {value("x"), value("condition", DataType::boolean)};
  add_initializer(model, "w", numbers({2}).reshape({}));
  add_initializer(model, "rounds", at::full({}, 4, at::kLong), DataType::int64);
  const auto branch = [&](ir::Str type, ir::Str name) {
    ir::Graph graph;
    graph.name = name;
    graph.nodes.push_back(node(type, {"state", "w"}, {name}));
    graph.outputs = {value(name)};
    return graph;
  };
  ir::Graph body;
  body.inputs = {value("round", DataType::int64), value("go", DataType::boolean), value("state")};
  body.nodes.push_back(node("If", {"condition"}, {"next"}));
  body.nodes[0].attributes.push_back(graph_attribute("then_branch", branch("Mul", "product")));
  body.nodes[0].attributes.push_back(graph_attribute("else_branch", branch("Add", "sum")));
  body.outputs = {value("go", DataType::boolean), value("next"), value("next")};
  model.graph.nodes.push_back(node("Loop", {"rounds", "", "x"}, {"last", "all"}));
  model.graph.nodes[0].attributes.push_back(graph_attribute("body", std::move(body)));
  model.graph.outputs = {value("last"), value("all")};

  exec::CompileOptions options;
  options.trained = {{"w", {}}};
  const exec::Program program(model, options);
  const auto run = [&](bool condition) {
    return program.run({numbers({3}).reshape({}), at::full({}, condition, at::kBool)});
  };
  const auto product = run(true);
  CHECK(product[0].tensor().item<float>() == 48);
  CHECK(at::equal(product[1].tensor(), numbers({6, 12, 24, 48})));
  product[0].tensor().backward();
  CHECK(program.parameters()[0].tensor.grad().item<float>() == 96);  // 4 x w^3
  CHECK(at::equal(run(false)[1].tensor(), numbers({5, 7, 9, 11})));
}

TEST_CASE("program: gradients pass the rounds of a Scan") {
  // state and scan output: state * x[t].
  ir::Model model;
  model.ir_version = 10;
  model.opset_imports.push_back({"", 21, {}});
  model.graph.inputs = {value("x", DataType::float32, {3})};
  add_initializer(model, "w", numbers({5}).reshape({}));
  ir::Graph body;
  body.inputs = {value("state"), value("item")};
  body.nodes.push_back(node("Mul", {"state", "item"}, {"next"}));
  body.outputs = {value("next"), value("next")};
  model.graph.nodes.push_back(node("Scan", {"w", "x"}, {"last", "all"}));
  model.graph.nodes[0].attributes.push_back(graph_attribute("body", std::move(body)));
  model.graph.nodes[0].attributes.push_back(ir::int_attribute("num_scan_inputs", 1));
  model.graph.outputs = {value("last"), value("all")};

  exec::CompileOptions options;
  options.trained = {{"w", {}}};
  const exec::Program program(model, options);
  const auto outputs = program.run({numbers({2, 3, 4})});
  CHECK(outputs[0].tensor().item<float>() == 120);
  outputs[1].tensor().sum().backward();
  CHECK(program.parameters()[0].tensor.grad().item<float>() == 32);  // 2 + 2 * 3 + 2 * 3 * 4
}

TEST_CASE("program: gradients pass sequences and optionals") {
  // y: squares of all rows of x but the first, and of w; z: the second row of x, twice.
  ir::Model model;
  model.ir_version = 10;
  model.opset_imports.push_back({"", 21, {}});
  model.graph.inputs = {value("x", DataType::float32, {3, 2})};
  add_initializer(model, "w", numbers({7, 8}).reshape({1, 2}));
  add_initializer(model, "zero", at::full({}, 0, at::kLong), DataType::int64);
  const auto add = [&](ir::Str type, std::vector<ir::Str> inputs, ir::Str output) -> ir::Node& {
    model.graph.nodes.push_back(node(type, std::move(inputs), {output}));
    return model.graph.nodes.back();
  };
  ir::Graph square;
  square.inputs = {value("row")};
  square.nodes.push_back(node("Mul", {"row", "row"}, {"squared"}));
  square.outputs = {value("squared")};
  add("SplitToSequence", {"x"}, "rows");
  add("SequenceErase", {"rows", "zero"}, "rest");
  add("SequenceInsert", {"rest", "w"}, "more");
  add("SequenceMap", {"more"}, "squares").attributes.push_back(graph_attribute("body", std::move(square)));
  add("ConcatFromSequence", {"squares"}, "y").attributes.push_back(ir::int_attribute("axis", 0));
  add("SequenceAt", {"more", "zero"}, "second");
  add("Optional", {"second"}, "maybe");
  add("OptionalGetElement", {"maybe"}, "surely");
  add("SequenceConstruct", {"surely", "surely"}, "twice");
  add("ConcatFromSequence", {"twice"}, "z").attributes.push_back(ir::int_attribute("axis", 0));
  model.graph.outputs = {value("y"), value("z")};

  exec::CompileOptions options;
  options.trained = {{"w", {}}};
  const exec::Program program(model, options);
  const at::Tensor x = numbers({1, 2, 3, 4, 5, 6}).reshape({3, 2}).set_requires_grad(true);
  const auto outputs = program.run({x});
  (outputs[0].tensor().sum() + outputs[1].tensor().sum()).backward();
  CHECK(at::equal(x.grad(), numbers({0, 0, 8, 10, 10, 12}).reshape({3, 2})));
  CHECK(at::equal(program.parameters()[0].tensor.grad(), numbers({14, 16}).reshape({1, 2})));
}

TEST_CASE("program: threads share one program") {
  const exec::Program program(add_relu());
  std::vector<int> wrong(4, 0);
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&, t] {
      for (int i = 0; i < 200; ++i) {
        const at::Tensor y = program.run({at::full({1 + i % 7, 2}, t + 1.0)})[0].tensor();
        wrong[static_cast<size_t>(t)] += y.size(0) != 1 + i % 7 || y[0][0].item<float>() != static_cast<float>(t + 2);
      }
    });
  for (auto& thread : threads) thread.join();
  CHECK(wrong == std::vector<int>(4, 0));
}
