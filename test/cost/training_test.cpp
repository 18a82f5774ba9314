// SPDX-License-Identifier: Apache-2.0
#include "cost/training.h"

#include <catch2/catch.hpp>

#include "graph/generate_model.h"
#include "ir/builder.h"

using namespace allot;
using Role = graph::Training::Role;

namespace {

constexpr auto kFloat = ir::DataType::float32;

struct Priced {
  explicit Priced(ir::Model of, const graph::TrainingOptions& options = {})
      : model(std::move(of)),
        planning(graph::prepare(model, {})),
        built(graph::build(planning, {})),
        forward(cost::op_costs(planning, built.graph)),
        training(graph::expand_training(built, planning, options)),
        costs(cost::training_costs(training, forward)) {}

  double flops(Role role) const {
    double sum = 0;
    for (graph::OpId op = 0; op < costs.size(); ++op)
      if (training.role[op] == role) sum += costs[op].mac_flops;
    return sum;
  }
  /// Products of the whole step over those of the forward pass.
  double ratio() const {
    double sum = 0, once = 0;
    for (const auto& cost : costs) sum += cost.mac_flops;
    for (const auto& cost : forward) once += cost.mac_flops;
    return sum / once;
  }
  const cost::OpCost& only(Role role) const {
    for (graph::OpId op = 0; op < costs.size(); ++op)
      if (training.role[op] == role) return costs[op];
    FAIL("no such op");
    return costs[0];
  }

  ir::Model model;
  graph::PlanningModel planning;
  graph::Built built;
  std::vector<cost::OpCost> forward;
  graph::Training training;
  std::vector<cost::OpCost> costs;
};

ir::Model product() {
  ir::Builder builder("product");
  const auto x = builder.input("x", kFloat, {2, 3});
  const auto hidden = builder.add("MatMul", {x, builder.weight({3, 4})});
  builder.output(builder.add("MatMul", {hidden, builder.weight({4, 5})}), kFloat, {2, 5});
  return builder.finish();
}

}  // namespace

TEST_CASE("a product costs one more of itself for each operand with a gradient") {
  const Priced step(product());
  CHECK(step.flops(Role::forward) == 2 * 2 * 3 * 4 + 2 * 2 * 4 * 5);
  CHECK(step.flops(Role::gradient) == 2 * 2 * 3 * 4 + 2 * (2 * 2 * 4 * 5));  // x needs no gradient
}

TEST_CASE("optimizers read and write gradient, parameter and state") {
  using Optimizer = graph::TrainingOptions::Optimizer;
  const auto optimizer = [](Optimizer kind) { return Priced(product(), {.optimizer = kind}).only(Role::optimizer); };
  const int64_t bytes = 3 * 4 * 4;  // of the first parameter
  CHECK(optimizer(Optimizer::sgd).vector_ops == 2 * 12);
  CHECK(optimizer(Optimizer::sgd).bytes_read == 2 * bytes);
  CHECK(optimizer(Optimizer::sgd).bytes_written == bytes);
  CHECK(optimizer(Optimizer::momentum).bytes_read == 3 * bytes);
  CHECK(optimizer(Optimizer::adam).vector_ops == 16 * 12);
  CHECK(optimizer(Optimizer::adam).bytes_read == 4 * bytes);
  CHECK(optimizer(Optimizer::adam).bytes_written == 3 * bytes);
}

TEST_CASE("networks of products cost three times their inference, but for the first layer's input") {
  for (const auto& [recipe, least] : {std::pair("transformer:ops=400,size=128", 2.95),
                                      {"inception:ops=400,size=64", 2.9},
                                      {"matmul:ops=800,size=64", 2.85},
                                      {"rnn:ops=600,size=64", 2.85}}) {
    INFO(recipe);
    const double ratio = Priced(graph::generate(graph::parse_recipe(recipe))).ratio();
    CHECK(ratio >= least);
    CHECK(ratio <= 3);
  }
}

TEST_CASE("computing again what was not kept costs at most one more forward pass") {
  const auto recipe = graph::parse_recipe("transformer:ops=400,size=128");
  const double plain = Priced(graph::generate(recipe)).ratio();
  const double sparing = Priced(graph::generate(recipe), {.checkpoint_every = 50}).ratio();
  CHECK(sparing > plain + 0.5);
  CHECK(sparing < plain + 1);
}
