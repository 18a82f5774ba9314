// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>

#include "cost/one_node.h"

using namespace allot;
using namespace allot::test;
using ir::DataType;

namespace {

// then: relu(x @ w), else: neg(x'), x [2, 3], w [3, 4].
ModelBuilder conditional() {
  ModelBuilder b;
  b.input("x", {2, 3}).input("c", {}, DataType::boolean).weight("w", {3, 4});
  auto yes = b.body(), no = b.body();
  yes.weight("v", {3, 4}).node("Neg", {"v"}, {"folded"}).node("Add", {"w", "folded"}, {"also folded"});
  yes.node("MatMul", {"x", "also folded"}, {"t"}).node("Relu", {"t"}, {"r"}).output("r");
  no.ints("shape", {2, 4}).node("ConstantOfShape", {"shape"}, {"e"}).output("e");
  b.node("If", {"c"}, {"y"}, {attr("then_branch", std::move(yes)), attr("else_branch", std::move(no))}).output("y");
  return b;
}

// acc = acc + x, x [4], `trips` times.
ModelBuilder loop(std::optional<int64_t> trips, bool condition = true) {
  ModelBuilder b;
  b.input("x", {4}).input("given", {}, DataType::int64).bool_scalar("go", condition);
  if (trips) b.int_scalar("fixed", *trips);
  auto body = b.body();
  body.input("i", {}, DataType::int64).input("keep", {}, DataType::boolean).input("acc", {4});
  body.node("Identity", {"keep"}, {"still"}).node("Add", {"acc", "x"}, {"next"}).output("still").output("next");
  b.node("Loop", {trips ? "fixed" : "given", "go", "x"}, {"y"}, {attr("body", std::move(body))}).output("y");
  return b;
}

}  // namespace

TEST_CASE("If costs its dearer branch, constants made beforehand") {
  const auto cost = cost_of_node(conditional().build(), 0);
  CHECK(cost.mac_flops == 48);
  CHECK(cost.vector_ops == 8);
  CHECK(cost.launches == 3);  // the decision, the product, the relu
  CHECK(cluster::name(cost.op_class) == "matmul");
  CHECK(cost.bytes_read == 24 + 48 + 32);
  CHECK(cost.bytes_written == 32 + 32);
  CHECK(cost.workspace_bytes == 32);  // the product's result; the relu's is the op's own output
}

TEST_CASE("Loop multiplies its body by a constant trip count") {
  CHECK(cost_of_node(loop(5).build(), 0).vector_ops == 20);
  CHECK(cost_of_node(loop(5).build(), 0).launches == 6);
  CHECK(cost_of_node(loop(5).build(), 0).bytes_read == 5 * 32);
  CHECK(cost_of_node(loop(5, false).build(), 0).vector_ops == 0);
  CHECK(cost_of_node(loop(std::nullopt).build(), 0).vector_ops == 4);
  CHECK(cost_of_node(loop(INT64_MAX).build(), 0).vector_ops == 4);  // how exporters write "while"
}

TEST_CASE("hints say what the model leaves to run time") {
  shape::Bindings bindings;
  bindings.trip_counts = {{"Loop_0", 3}};
  CHECK(cost_of_node(loop(std::nullopt).build(), 0, bindings).vector_ops == 12);
  CHECK(cost_of_node(loop(5).build(), 0, bindings).vector_ops == 12);  // the model's 5 is a limit
  CHECK(cost_of_node(loop(2).build(), 0, bindings).vector_ops == 8);
  bindings.trip_counts = {{"no such loop", 3}};
  CHECK_THROWS_WITH(cost_of_node(loop(5).build(), 0, bindings), Catch::Contains("matches the name of no Loop"));

  bindings = {};
  bindings.then_shares = {{"If", 0.25}};
  CHECK(cost_of_node(conditional().build(), 0, bindings).mac_flops == 12);
  CHECK(cost_of_node(conditional().build(), 0, bindings).vector_ops == 2);
}

TEST_CASE("Scan multiplies its body by the length of the scanned axis") {
  for (const int64_t axis : {0, 1}) {
    ModelBuilder b;
    b.input("start", {4}).input("xs", axis == 0 ? std::vector<int64_t>{6, 4} : std::vector<int64_t>{4, 6});
    auto body = b.body();
    body.input("acc", {4}).input("x", {4}).node("Add", {"acc", "x"}, {"sum"}).node("Tanh", {"sum"}, {"out"});
    body.output("sum").output("out");
    b.node("Scan", {"start", "xs"}, {"last", "all"},
           {attr("body", std::move(body)), attr("num_scan_inputs", 1), attr("scan_input_axes", {axis})});
    b.output("all");
    CHECK(cost_of_node(b.build(), 0).vector_ops == 6 * (4 + 48));
  }
}

TEST_CASE("loops nest") {
  ModelBuilder b;
  b.input("x", {4}).bool_scalar("go", true).int_scalar("outer trips", 3).int_scalar("inner trips", 7);
  auto inner = b.body();
  inner.input("j", {}, DataType::int64).input("k2", {}, DataType::boolean).input("b", {4});
  inner.node("Identity", {"k2"}, {"s2"}).node("Exp", {"b"}, {"b2"}).output("s2").output("b2");
  auto outer = b.body();
  outer.input("i", {}, DataType::int64).input("k1", {}, DataType::boolean).input("a", {4});
  outer.node("Identity", {"k1"}, {"s1"});
  outer.node("Loop", {"inner trips", "go", "a"}, {"a2"}, {attr("body", std::move(inner))}).output("s1").output("a2");
  b.node("Loop", {"outer trips", "go", "x"}, {"y"}, {attr("body", std::move(outer))}).output("y");
  const auto cost = cost_of_node(b.build(), 0);
  CHECK(cost.vector_ops == 3 * 7 * 32);
  CHECK(cost.launches == 1 + 3 * (1 + 7));
}
