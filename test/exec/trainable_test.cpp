// SPDX-License-Identifier: Apache-2.0
#include "exec/trainable.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/allclose.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/matmul.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/randn.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>
#include <c10/core/GradMode.h>

#include <catch2/catch.hpp>

#include "base/error.h"
#include "exec/load.h"
#include "exec/write_back.h"
#include "onnxio/reader.h"
#include "onnxio/writer.h"

using namespace allot;
using exec::TrainRule;

namespace {

/// Builds "y = ..." node by node; initializers hold what the tensor holds.
class Net {
 public:
  Net() {
    model.ir_version = 10;
    model.opset_imports.push_back({"", 21, {}});
    add_value(model.graph.inputs, "x");
    add_value(model.graph.outputs, "y");
  }
  Net& weight(const std::string& name, const at::Tensor& values) {
    ir::Tensor tensor;
    tensor.name = model.intern(name);
    tensor.dtype = values.scalar_type() == at::kHalf ? ir::DataType::float16 : ir::DataType::float32;
    tensor.dims = values.sizes().vec();
    tensor.payload.where = ir::Payload::Where::owned;
    tensor.payload.owned = std::make_shared<const std::string>(exec::raw_bytes(exec::Value(values)));
    model.graph.initializers.push_back(std::move(tensor));
    return *this;
  }
  Net& integers(const std::string& name, const at::Tensor& values) {
    weight(name, values);
    model.graph.initializers.back().dtype = ir::DataType::int64;
    return *this;
  }
  Net& node(const std::string& type, std::vector<std::string> inputs, const std::string& output) {
    ir::Node node;
    node.op_type = model.intern(type);
    node.name = model.intern("make_" + output);
    for (const std::string& input : inputs) node.inputs.push_back(model.intern(input));
    node.outputs = {model.intern(output)};
    model.graph.nodes.push_back(std::move(node));
    return *this;
  }
  std::vector<exec::Weight> weights(const exec::TrainableOptions& options = {}) const {
    return exec::find_weights(model, {}, options);
  }
  std::vector<std::string> trained(std::vector<TrainRule> rules = {}) const {
    exec::TrainableOptions options;
    options.rules = std::move(rules);
    std::vector<std::string> names;
    for (const auto& weight : weights(options))
      if (weight.trained) names.push_back(weight.name);
    return names;
  }

  ir::Model model;

 private:
  void add_value(std::vector<ir::ValueInfo>& list, ir::Str name) {
    ir::ValueInfo info;
    info.name = name;
    list.push_back(std::move(info));
  }
};

/// x - mean, a linear layer with bias, a scale of one number, a mask, a second layer.
Net two_layers() {
  Net net;
  net.weight("mean", at::randn({4})).weight("w1", at::randn({4, 3})).weight("b1", at::zeros({3}));
  net.weight("temperature", at::randn({1}))
      .weight("mask", at::tensor({0.f, -1e9f, 0.f}))
      .weight("w2", at::randn({3, 2}));
  net.node("Sub", {"x", "mean"}, "centred").node("MatMul", {"centred", "w1"}, "h").node("Add", {"h", "b1"}, "hb");
  net.node("Div", {"hb", "temperature"}, "scaled").node("Add", {"scaled", "mask"}, "masked");
  net.node("Softmax", {"masked"}, "p").node("MatMul", {"p", "w2"}, "y");
  return net;
}

ir::Attribute axis(int64_t value) {
  ir::Attribute attribute;
  attribute.name = "axis";
  attribute.kind = ir::Attribute::Kind::int_;
  attribute.i = value;
  return attribute;
}

using Names = std::vector<std::string>;

}  // namespace

TEST_CASE("weights are told by their use") {
  const Net net = two_layers();
  CHECK(net.trained() == Names{"w1", "b1", "w2"});
  for (const auto& weight : net.weights()) {
    INFO(weight.name);
    if (weight.name == "mean") CHECK(weight.reason == "nothing before it is trained");
    if (weight.name == "temperature") CHECK(weight.reason == "a single number");
    if (weight.name == "mask") CHECK(weight.reason == "a mask");
    if (weight.name == "w1") CHECK(weight.slot == "MatMul B");
  }
}

TEST_CASE("rules change decisions, the last match counts") {
  const Net net = two_layers();
  using Verb = TrainRule::Verb;
  CHECK(net.trained({{Verb::freeze, "w"}}) == Names{"b1"});
  CHECK(net.trained({{Verb::freeze, "w"}, {Verb::train, "w2"}}) == Names{"b1", "w2"});
  CHECK(net.trained({{Verb::train, "mean"}}) == Names{"mean", "w1", "b1", "w2"});
  CHECK(net.trained({{Verb::freeze_op, "Add"}}) == Names{"w1", "w2"});
  CHECK(net.trained({{Verb::freeze_until, "make_hb"}}) == Names{"w2"});
  CHECK_THROWS_WITH(net.trained({{Verb::freeze, "nothing"}}), Catch::Contains("'nothing' matches no weight"));
  CHECK_THROWS_WITH(net.trained({{Verb::freeze, "."}}), Catch::Contains("no weight of this model is trained"));
}

TEST_CASE("weights that are handed to a function are parameters of what it consists of") {
  Net net;
  net.weight("w", at::randn({4, 3})).weight("b", at::zeros({3})).node("Dense", {"x", "w", "b"}, "y");
  net.model.graph.nodes[0].domain = "com.example";
  net.model.opset_imports.push_back({"com.example", 1, {}});
  Net body;  // of the function: a constant in it is no weight
  body.node("MatMul", {"x", "w"}, "p")
      .node("Constant", {}, "c")
      .node("Add", {"p", "b"}, "q")
      .node("Mul", {"q", "c"}, "y");
  ir::Tensor scale = std::move(Net().weight("scale", at::randn({3})).model.graph.initializers[0]);
  ir::Attribute value;
  value.name = "value";
  value.kind = ir::Attribute::Kind::tensor;
  value.tensors.push_back(std::move(scale));
  body.model.graph.nodes[1].attributes.push_back(std::move(value));
  ir::Function dense;
  dense.domain = "com.example";
  dense.name = "Dense";
  dense.inputs = {"x", "w", "b"};
  dense.outputs = {"y"};
  dense.nodes = std::move(body.model.graph.nodes);
  dense.opset_imports = {{"", 21, {}}};
  net.model.functions.push_back(std::move(dense));
  using Verb = TrainRule::Verb;
  CHECK(net.trained() == Names{"w", "b"});
  CHECK(net.weights().size() == 2);
  CHECK(net.weights()[0].slot == "MatMul B");
  CHECK_THROWS_WITH(net.trained({{Verb::freeze_op, "com.example.Dense"}}), Catch::Contains("no weight of this model"));
  CHECK_THROWS_WITH(net.trained({{Verb::freeze_until, "make_y"}}), Catch::Contains("no weight of this model"));
  CHECK(net.trained({{Verb::freeze_op, "Add"}}) == Names{"w"});
}

TEST_CASE("weights are parameters through the sequence that their joint is split into") {
  // As PyTorch's exporter writes the biases of an attention that has one weight for queries and values each.
  const at::Tensor wq = at::randn({4, 3}), wv = at::randn({4, 3}), bq = at::randn({3}), bv = at::randn({3});
  Net net;
  net.weight("wq", wq).weight("wv", wv).weight("bq", bq).weight("bv", bv).weight("spare", at::randn({3}));
  net.integers("first", at::tensor({int64_t{0}})).integers("second", at::tensor({int64_t{1}}));
  net.integers("lengths", at::tensor({int64_t{3}, int64_t{3}}));
  net.node("Concat", {"bq", "bv"}, "joint").node("SplitToSequence", {"joint", "lengths"}, "biases");
  net.model.graph.nodes[0].attributes.push_back(axis(0));
  net.node("SequenceInsert", {"biases", "spare"}, "more").node("SequenceErase", {"more"}, "parts");
  net.node("SequenceAt", {"parts", "first"}, "q_bias").node("SequenceAt", {"parts", "second"}, "v_bias");
  net.node("MatMul", {"x", "wq"}, "q0").node("Add", {"q0", "q_bias"}, "q").node("MatMul", {"x", "wv"}, "v0");
  net.node("Add", {"v0", "v_bias"}, "v").node("Mul", {"q", "v"}, "y");
  exec::TrainableOptions options;
  options.rules = {{TrainRule::Verb::freeze, "spare"}};
  Names names;
  exec::CompileOptions compiled;
  for (const auto& weight : net.weights(options))
    if (weight.trained) {
      names.push_back(weight.name);
      compiled.trained.push_back({weight.name, {}});
    }
  CHECK(names == Names{"wq", "wv", "bq", "bv"});

  exec::Program program(net.model, compiled);
  const at::Tensor x = at::randn({5, 4});
  program.run({exec::Value(x)})[0].tensor().sum().backward();
  for (const auto& parameter : program.parameters()) {
    INFO(parameter.weight.name);
    const at::Tensor other = parameter.weight.name == "bq" ? at::matmul(x, wv) + bv : at::matmul(x, wq) + bq;
    if (parameter.weight.name == "bq" || parameter.weight.name == "bv")
      CHECK(at::allclose(parameter.tensor.grad(), other.sum(0), 1e-5, 1e-5));
  }
}

TEST_CASE("a cut gradient is an error that names the node") {
  Net net;
  net.weight("w", at::randn({2, 2})).node("MatMul", {"x", "w"}, "h").node("Round", {"h"}, "y");
  CHECK_THROWS_WITH(net.trained(), Catch::Contains("weight 'w'") && Catch::Contains("'make_y' (Round) cuts the path"));
  exec::TrainableOptions options;
  options.allow_dead = true;
  CHECK(net.weights(options).at(0).cut_by == "node 'make_y' (Round) cuts the path");
}

TEST_CASE("copies of one matrix train as one and are both written back") {
  const at::Tensor table = at::randn({5, 3});
  Net net;
  net.weight("table", table).weight("head", table.t().contiguous()).weight("ones", at::ones({3, 3}));
  net.weight("other_ones", at::ones({3, 3}));
  net.node("Gather", {"table", "x"}, "h").node("MatMul", {"h", "ones"}, "g").node("MatMul", {"g", "other_ones"}, "k");
  net.node("MatMul", {"k", "head"}, "y");
  const auto weights = net.weights();
  REQUIRE(weights.size() == 4);
  CHECK(weights[1].tied_to == 0);
  CHECK(weights[1].transposed);
  CHECK(weights[3].tied_to == ir::kNone);  // a matrix of one number is alike by chance

  exec::CompileOptions options;
  options.trained = {{"table", {{"head", true}}}};
  exec::Program program(net.model, options);
  REQUIRE(program.parameters().size() == 1);
  program.run({exec::Value(at::tensor({1, 2}))})[0].tensor().sum().backward();
  CHECK(program.parameters()[0].tensor.grad().defined());
  CHECK(exec::write_back(program, net.model).tensors == 0);
  {
    at::NoGradGuard guard;
    program.parameters()[0].tensor.add_(1);
  }
  CHECK(exec::write_back(program, net.model).tensors == 2);
  const at::Tensor head = exec::load(net.model, net.model.graph.initializers[1]).tensor();
  CHECK(at::equal(head, (table + 1).t()));
}

TEST_CASE("without training a file stays as it is, byte by byte") {
  const std::string file = onnxio::serialize(two_layers().model);
  ir::Model model = onnxio::read(base::Bytes::from(file));
  exec::CompileOptions options;
  options.trained = {{"w1", {}}, {"b1", {}}, {"w2", {}}};
  const exec::Program program(model, options);
  CHECK(exec::write_back(program, model).tensors == 0);
  CHECK(onnxio::serialize(model) == file);
  {
    at::NoGradGuard guard;
    program.parameters()[1].tensor.add_(1);
  }
  CHECK(exec::write_back(program, model).tensors == 1);
  const std::string changed = onnxio::serialize(model);
  CHECK(changed.size() == file.size());
  CHECK(changed != file);
}

TEST_CASE("a half-precision file is trained in float32 and rounded when it is written") {
  Net net;
  net.weight("w", at::tensor({0.1f, 0.2f, 0.3f, 0.4f}).reshape({2, 2}).to(at::kHalf)).node("MatMul", {"x", "w"}, "y");
  exec::CompileOptions options;
  options.trained = {{"w", {}}};
  exec::Program program(net.model, options);
  at::Tensor& master = program.parameters()[0].tensor;
  CHECK(master.scalar_type() == at::kFloat);
  program.run({exec::Value(at::ones({1, 2}, at::kHalf))})[0].tensor().to(at::kFloat).sum().backward();
  CHECK(master.grad().scalar_type() == at::kFloat);
  {
    at::NoGradGuard guard;
    master.add_(1e-5);
  }
  const auto written = exec::write_back(program, net.model);
  CHECK(written.rounding > 0);
  CHECK(written.rounding < 1e-3);
}
