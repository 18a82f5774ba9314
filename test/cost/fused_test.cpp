// SPDX-License-Identifier: Apache-2.0
#include "cost/fused.h"

#include <catch2/catch.hpp>

#include "support/model_builder.h"

using namespace allot;
using test::attr;
using test::ModelBuilder;

namespace {

struct Fused {
  explicit Fused(ModelBuilder& builder)
      : model(builder.build()),
        planning(graph::prepare(model, {})),
        built(graph::build(planning, {.colocation = graph::BuildOptions::Colocation::none, .fuse = true})),
        apart(cost::op_costs(planning, built.graph)),
        costs(apart),
        tensor_bytes(built.graph.tensor_bytes) {
    cost::fuse_costs(costs, tensor_bytes, built.graph, built.fusion);
  }

  ir::Model model;
  graph::PlanningModel planning;
  graph::Built built;
  std::vector<cost::OpCost> apart, costs;
  std::vector<int64_t> tensor_bytes;
};

ModelBuilder normalised() {
  ModelBuilder b;
  b.input("u", {2, 4, 8}).input("v", {2, 4, 8}).weight("g", {8}).weight("h", {8});
  b.node("Add", {"u", "v"}, {"x"}).node("LayerNormalization", {"x", "g", "h"}, {"n"}).output("n");
  return b;
}

}  // namespace

TEST_CASE("a fused kernel does all the arithmetic and moves what enters and leaves") {
  auto builder = normalised();
  const Fused f(builder);
  REQUIRE(f.costs.size() == 2);
  CHECK(f.costs[1].vector_ops == f.apart[0].vector_ops + f.apart[1].vector_ops);
  CHECK(f.costs[1].bytes_read == 2 * 256 + 2 * 32);
  CHECK(f.costs[1].bytes_written == 256);
  CHECK(f.costs[1].launches == 1);
  CHECK(f.costs[1].op_class == cluster::OpClass::norm);
  CHECK(f.costs[0].launches == 0);
  CHECK(f.costs[0].bytes_read + f.costs[0].bytes_written == 0);
  CHECK(f.tensor_bytes == std::vector<int64_t>{256, 256, 0, 256});  // x never exists
}

TEST_CASE("the class of a kernel is its own, and says so for functions spelled out") {
  ModelBuilder b;
  b.input("x", {64}).node("Sigmoid", {"x"}, {"s"}).node("Mul", {"x", "s"}, {"y"}).output("y");
  const Fused f(b);
  CHECK(f.costs[0].op_class == cluster::OpClass::elementwise);
  CHECK(f.costs[0].bytes_read == 256);  // x, once
}

TEST_CASE("groups that span devices fall apart") {
  auto builder = normalised();
  const Fused f(builder);
  const auto together = cost::within_devices(f.built.fusion, f.built.graph, std::vector<cluster::DeviceId>{1, 1});
  CHECK(together.main_of == std::vector<graph::OpId>{1, 1});
  const auto apart = cost::within_devices(f.built.fusion, f.built.graph, std::vector<cluster::DeviceId>{0, 1});
  CHECK(apart.main_of == std::vector<graph::OpId>{0, 1});
  CHECK(apart.kernel == std::vector<std::string>{"Add", "LayerNormalization"});
}
