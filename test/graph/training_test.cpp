// SPDX-License-Identifier: Apache-2.0
#include "graph/training.h"

#include <algorithm>
#include <catch2/catch.hpp>

#include "base/error.h"
#include "graph/generate_model.h"
#include "ir/builder.h"

using namespace allot;
using namespace allot::graph;
using Role = Training::Role;

namespace {

constexpr auto kFloat = ir::DataType::float32;

struct Expanded {
  explicit Expanded(ir::Model of, const TrainingOptions& options = {},
                    BuildOptions::Colocation colocation = BuildOptions::Colocation::none)
      : model(std::move(of)),
        planning(prepare(model, {})),
        built(build(planning, {.colocation = colocation})),
        training(expand_training(built, planning, options)) {
    check_invariants(training.graph);
  }

  uint32_t count(Role role) const {
    return static_cast<uint32_t>(std::count(training.role.begin(), training.role.end(), role));
  }
  /// The op of that role that belongs to a forward op, by name of the latter.
  OpId find(Role role, const std::string& forward) const {
    for (OpId op = 0; op < training.graph.num_ops(); ++op)
      if (training.role[op] == role && training.graph.op_names[training.forward_op[op]] == forward) return op;
    return kNone;
  }
  std::vector<std::string> reads(OpId op) const {
    std::vector<std::string> names;
    for (const TensorId tensor : training.graph.inputs[op]) names.emplace_back(training.graph.tensor_names[tensor]);
    return names;
  }
  std::vector<std::string> params(OpId op) const {
    std::vector<std::string> names;
    for (const ParamId param : training.graph.params[op]) names.emplace_back(training.graph.param_names[param]);
    return names;
  }

  ir::Model model;
  PlanningModel planning;
  Built built;
  Training training;
};

using Names = std::vector<std::string>;

/// y = relu(x w) w', nodes 0 to 4 with the weights.
ir::Model two_layers() {
  ir::Builder builder("mlp");
  const auto x = builder.input("x", kFloat, {2, 3});
  const auto first = builder.add("MatMul", {x, builder.weight({3, 4})});
  const auto y = builder.add("MatMul", {builder.add("Relu", {first}), builder.weight({4, 5})});
  builder.output(y, kFloat, {2, 5});
  return builder.finish();
}

}  // namespace

TEST_CASE("a training step has a gradient an op and an optimizer a parameter") {
  const Expanded step(two_layers());
  CHECK(step.count(Role::forward) == 3);
  CHECK(step.count(Role::loss) == 1);
  CHECK(step.count(Role::gradient) == 3);
  CHECK(step.count(Role::sum) == 0);
  CHECK(step.count(Role::optimizer) == 2);

  // The last product needs both operands for both gradients; the first only x, for nobody asks for the gradient of x.
  const OpId last = step.find(Role::gradient, "MatMul_4"), first = step.find(Role::gradient, "MatMul_1");
  CHECK(step.reads(last) == Names{"Relu_2", "gradient/MatMul_4"});
  CHECK(step.params(last) == Names{"ConstantOfShape_3"});
  CHECK(step.training.products[last] == 2);
  CHECK(step.reads(first) == Names{"x", "gradient/Relu_2/0"});
  CHECK(step.params(first).empty());
  CHECK(step.training.products[first] == 1);
  // Relu keeps its output, and makes one gradient of the size of its input.
  const OpId relu = step.find(Role::gradient, "Relu_2");
  CHECK(step.reads(relu) == Names{"Relu_2", "gradient/MatMul_4/0"});
  CHECK(step.training.graph.tensor_bytes[step.training.graph.outputs[relu][0]] == 2 * 4 * 4);
}

TEST_CASE("the loss is the only output of a step") {
  const Expanded step(two_layers());
  const OpGraph& graph = step.training.graph;
  CHECK(std::count(graph.is_output.begin(), graph.is_output.end(), true) == 1);
  const OpId loss = step.find(Role::loss, "MatMul_4");
  CHECK(step.reads(loss) == Names{"MatMul_4"});
  CHECK(graph.is_output[graph.outputs[loss].back()]);
}

TEST_CASE("a unit holds an op, its gradient, its parameter and the optimizer's state") {
  const Expanded step(two_layers());
  const OpGraph& graph = step.training.graph;
  CHECK(graph.num_units() == 3);
  for (OpId op = 0; op < graph.num_ops(); ++op) CHECK(graph.unit_of[op] == graph.unit_of[step.training.forward_op[op]]);

  using Optimizer = TrainingOptions::Optimizer;
  for (const auto& [optimizer, floats] :
       {std::pair(Optimizer::sgd, 0), {Optimizer::momentum, 1}, {Optimizer::adam, 2}}) {
    const Expanded with(two_layers(), {.optimizer = optimizer});
    const OpId op = with.find(Role::optimizer, "MatMul_1");
    CHECK(with.training.resident_bytes[op] == 3 * 4 * 4 * floats);
    CHECK(with.training.elements[op] == 12);
  }
}

TEST_CASE("a tensor with several readers gets the sum of their gradients") {
  ir::Builder builder("residual");
  const auto x = builder.input("x", kFloat, {2, 4});
  const auto a = builder.add("MatMul", {x, builder.weight({4, 4})});
  const auto y = builder.add("Add", {a, builder.add("Relu", {a})});
  builder.output(y, kFloat, {2, 4});
  const Expanded step(builder.finish());
  REQUIRE(step.count(Role::sum) == 1);
  const OpId sum = step.find(Role::sum, "MatMul_1");
  CHECK(step.reads(sum).size() == 2);
  CHECK(step.reads(step.find(Role::gradient, "MatMul_1")) == Names{"x", "sum/MatMul_1"});
  CHECK(step.reads(step.find(Role::gradient, "Add_3")) == Names{"gradient/Add_3"});  // keeps nothing
}

TEST_CASE("frozen parameters have no optimizer, and what only they needed is not computed") {
  const Expanded step(two_layers(), {.frozen = {"ConstantOfShape_0"}});
  CHECK(step.count(Role::optimizer) == 1);
  CHECK(step.count(Role::gradient) == 1);  // of the last product alone
  CHECK(step.training.products[step.find(Role::gradient, "MatMul_4")] == 1);
  CHECK_THROWS_WITH(Expanded(two_layers(), {.frozen = {"nothing"}}),
                    "frozen 'nothing': matches the name of no parameter; compare it with the names of the model's "
                    "initializers");
  CHECK_THROWS_WITH(Expanded(two_layers(), {.frozen = {"."}}),
                    Catch::Contains("no float output of the model depends on a parameter that is trained"));
}

TEST_CASE("forms of one weight have one optimizer and one unit") {
  ir::Builder builder("tied");
  const auto ids = builder.input("ids", ir::DataType::int64, {5});
  const auto table = builder.weight({7, 3});
  const auto rows = builder.add("Gather", {table, ids});
  const auto other = builder.add("MatMul", {rows, builder.weight({3, 3})});
  const auto back = builder.add("Transpose", {table});
  builder.output(builder.add("MatMul", {other, back}), kFloat, {5, 7});
  const Expanded step(builder.finish());
  CHECK(step.count(Role::optimizer) == 2);
  const OpId tied = step.find(Role::optimizer, "Gather_1");
  CHECK(step.reads(tied).size() == 2);
  CHECK(step.training.elements[tied] == 21);
  CHECK(step.training.graph.num_units() == 2);
}

TEST_CASE("statistics, indices, masks and scalars are not trained") {
  ir::Builder builder("norm");
  const auto x = builder.input("x", kFloat, {2, 4, 3, 3});
  const auto w = [&] { return builder.weight({4}); };
  const auto normal = builder.add("BatchNormalization", {x, w(), w(), w(), w()});
  const auto y = builder.add("Mul", {normal, builder.number(0.5f)});
  const auto flat = builder.add("Reshape", {y, builder.ints({2, 36})});
  builder.output(flat, kFloat, {2, 36});
  const Expanded step(builder.finish());
  CHECK(step.count(Role::optimizer) == 2);  // scale and shift, neither mean nor variance
  CHECK(step.count(Role::gradient) == 3);
}

TEST_CASE("checkpointing keeps what crosses a cut and computes the rest again") {
  ir::Builder builder("deep");
  auto x = builder.input("x", kFloat, {2, 4});
  for (int layer = 0; layer < 4; ++layer)
    x = builder.add("Sigmoid", {builder.add("MatMul", {x, builder.weight({4, 4})})});
  builder.output(x, kFloat, {2, 4});
  const Expanded step(builder.finish(), {.checkpoint_every = 4});
  // Ops MatMul Sigmoid MatMul Sigmoid | MatMul Sigmoid MatMul Sigmoid. Gradients of the first segment need the first
  // Sigmoid's output, hence the first product; the second Sigmoid's output crosses the cut and is kept.
  CHECK(step.count(Role::recompute) == 2);
  const OpId again = step.find(Role::recompute, "MatMul_1");
  REQUIRE(again != kNone);
  CHECK(step.reads(again).front() == "x");
  CHECK(step.reads(again).back() == "token/MatMul_7");  // starts once the gradients behind it are done
  const OpId gradient = step.find(Role::gradient, "MatMul_4");
  CHECK(std::count_if(step.training.graph.inputs[gradient].begin(), step.training.graph.inputs[gradient].end(),
                      [&](TensorId t) { return step.training.graph.tensor_names[t] == "again/Sigmoid_2"; }) == 1);
}

TEST_CASE("all families can be trained") {
  for (const Family& family : families()) {
    INFO(family.name);
    const Expanded step(generate(parse_recipe(std::string(family.name) + ":ops=300,size=32")), {},
                        BuildOptions::Colocation::chain);
    const uint32_t forward = step.count(Role::forward);
    CHECK(step.count(Role::gradient) > forward / 4);  // most spokes of a star have no parameter
    CHECK(step.count(Role::gradient) <= forward);
    CHECK(step.training.graph.num_units() <= step.built.graph.num_units());
    const Expanded sparing(generate(parse_recipe(std::string(family.name) + ":ops=300,size=32")),
                           {.checkpoint_every = 20}, BuildOptions::Colocation::chain);
    // All that a segment of those two families computes is read behind it.
    CHECK((sparing.count(Role::recompute) > 0) == (family.name != "star" && family.name != "matmul"));
    CHECK(sparing.count(Role::gradient) == step.count(Role::gradient));
  }
}
