// SPDX-License-Identifier: Apache-2.0
// The walk itself: bindings, assumptions, trust, constants, contradictions.
#include <catch2/catch.hpp>

#include "base/error.h"
#include "shape/inferred.h"

using namespace allot;
using namespace allot::test;
using shape::Bindings;
using shape::Trust;

namespace {

/// "x" is (batch, ?, 8), "z" is (batch, seq); y = x * 2
ir::Model symbolic() {
  ModelBuilder b;
  b.input("x", {-1, -1, 8}).input("z", {-1, -1}).floats("two", {2});
  b.node("Mul", {"x", "two"}, {"y"}).node("Relu", {"z"}, {"r"}).output("y").output("r");
  ir::Model model = b.build();
  model.graph.inputs[0].type.dims[0].symbol = "batch";
  model.graph.inputs[1].type.dims[0].symbol = "batch";
  model.graph.inputs[1].type.dims[1].symbol = "seq";
  return model;
}

std::string config_error(const Bindings& bindings, ir::Model model = symbolic()) {
  try {
    Inferred inferred(std::move(model), bindings);
  } catch (const base::Error& error) {
    CHECK(error.kind() == base::ErrorKind::config);
    return error.what();
  }
  return "no error";
}

}  // namespace

TEST_CASE("a chain of convolution, pool and product") {
  ModelBuilder b;
  b.input("x", {2, 3, 32, 32}).weight("w", {8, 3, 3, 3}).weight("v", {2048, 10});
  b.node("Conv", {"x", "w"}, {"c"}, {attr("pads", {1, 1, 1, 1})});
  b.node("MaxPool", {"c"}, {"p"}, {attr("kernel_shape", {2, 2}), attr("strides", {2, 2})});
  b.node("Flatten", {"p"}, {"f"}).node("MatMul", {"f", "v"}, {"y"}).output("y");
  const Inferred inferred(b.build());
  CHECK(inferred.dims("c") == Dims{2, 8, 32, 32});
  CHECK(inferred.dims("p") == Dims{2, 8, 16, 16});
  CHECK(inferred.dims("y") == Dims{2, 10});
  CHECK(inferred.type("y").trust == Trust::inferred);
  CHECK(inferred.type("y").bytes() == 80);
  CHECK(inferred.result.warnings.empty());
}

TEST_CASE("shape arithmetic of exported transformers resolves") {
  ModelBuilder b;
  b.input("x", {-1, 12, 64}).ints("zero", {0}).ints("minus", {-1}).ints("heads", {4}).ints("size", {16});
  b.node("Shape", {"x"}, {"s"}).node("Gather", {"s", "zero"}, {"batch"});
  b.node("Concat", {"batch", "minus", "heads", "size"}, {"target"}, {attr("axis", 0)});
  b.node("Reshape", {"x", "target"}, {"r"}).node("Transpose", {"r"}, {"y"}, {attr("perm", {0, 2, 1, 3})}).output("y");
  Bindings bindings;
  bindings.dims["x:0"] = 5;
  const Inferred inferred(b.build(), bindings);
  CHECK(inferred.content("target") == std::vector<double>{5, -1, 4, 16});
  CHECK(inferred.dims("y") == Dims{5, 4, 12, 16});
  CHECK_FALSE(inferred.constant("s"));
}

TEST_CASE("file order does not matter") {
  ModelBuilder b;
  b.input("x", {2, 3});
  b.node("Transpose", {"t"}, {"y"}).node("Concat", {"x", "x"}, {"t"}, {attr("axis", 0)}).output("y");
  CHECK(Inferred(b.build()).dims("y") == Dims{3, 4});
}

TEST_CASE("symbols are bound by name, by input and by place, the rest is assumed") {
  Bindings bindings;
  bindings.dims["batch"] = 4;
  bindings.dims["x:1"] = 6;
  const Inferred inferred(symbolic(), bindings);
  CHECK(inferred.dims("y") == Dims{4, 6, 8});
  CHECK(inferred.dims("r") == Dims{4, 1});
  REQUIRE(inferred.result.assumptions.size() == 1);
  CHECK(inferred.result.assumptions[0].symbol == "seq");
  CHECK(inferred.result.assumptions[0].inputs == std::vector<std::string>{"z"});
  CHECK(inferred.result.assumptions[0].value == 1);

  Bindings whole;
  whole.inputs["x"] = {5, 7, -1};
  whole.default_dim = 3;
  const Inferred by_input(symbolic(), whole);
  CHECK(by_input.dims("y") == Dims{5, 7, 8});
  CHECK(by_input.dims("r") == Dims{5, 3});  // "batch" is one number everywhere
}

TEST_CASE("bindings that do not fit are configuration errors with both values") {
  Bindings b;
  b.dims["batsch"] = 4;
  CHECK_THAT(config_error(b), Catch::Contains("'batsch'") && Catch::Contains("did you mean 'batch'"));
  b = {};
  b.dims["x:2"] = 9;
  CHECK_THAT(config_error(b), Catch::Contains("9") && Catch::Contains("8"));
  b = {};
  b.dims["x:3"] = 9;
  CHECK_THAT(config_error(b), Catch::Contains("no graph input has a dimension of that name"));
  b = {};
  b.dims["batch"] = -4;
  CHECK_THAT(config_error(b), Catch::Contains("-4 is negative"));
  b = {};
  b.dims["batch"] = 4;
  b.inputs["x"] = {5, 1, 8};
  CHECK_THAT(config_error(b), Catch::Contains("cannot be both 4 and 5"));
  b = {};
  b.inputs["x"] = {5, 1};
  CHECK_THAT(config_error(b), Catch::Contains("[5,1] has 2 dimensions, the file declares 3"));
  b = {};
  b.inputs["xx"] = {5, 1, 8};
  CHECK_THAT(config_error(b), Catch::Contains("no such input") && Catch::Contains("'x'"));
  b = {};
  b.inputs["x"] = {5, 1, -2};
  CHECK_THAT(config_error(b), Catch::Contains("-2 is negative"));
  b = {};
  b.default_dim = -1;
  CHECK_THAT(config_error(b), Catch::Contains("-1 is negative"));
}

TEST_CASE("an initializer that is also an input is a parameter") {
  ModelBuilder b;
  b.input("x", {2, 3}).input("w", {-1, 4}).weight("w", {3, 4}).node("MatMul", {"x", "w"}, {"y"}).output("y");
  const Inferred inferred(b.build());
  CHECK(inferred.dims("y") == Dims{2, 4});
  CHECK(inferred.constant("w"));
  CHECK(inferred.result.assumptions.empty());
}

TEST_CASE("contradictions are errors, unless an assumed dimension may be the reason") {
  const auto model = [](int64_t columns) {
    ModelBuilder b;
    b.input("x", {2, columns}).weight("w", {4, 5}).node("MatMul", {"x", "w"}, {"y"}, {}, "head").output("y");
    return b.build();
  };
  CHECK_THROWS_WITH(Inferred(model(3)),
                    Catch::Contains("node 'head' (MatMul)") && Catch::Contains("3 columns meet 4 rows"));
  const Inferred lenient(model(-1));
  CHECK(lenient.dims("y") == Dims{2, 5});
  REQUIRE(lenient.result.warnings.size() == 1);
  CHECK_THAT(lenient.result.warnings[0], Catch::Contains("1 columns meet 4 rows"));
}

TEST_CASE("inference wins over a stale declaration, a declaration over a bound") {
  ModelBuilder b;
  b.input("x", {2, 3}).declare("y", {7, 3}).declare("n", {2, 4}, ir::DataType::int64);
  b.node("Relu", {"x"}, {"y"}).node("NonZero", {"y"}, {"n"}).output("n");
  const Inferred inferred(b.build());
  CHECK(inferred.dims("y") == Dims{2, 3});
  CHECK(inferred.dims("n") == Dims{2, 4});
  CHECK(inferred.type("n").trust == Trust::declared);
  REQUIRE(inferred.result.warnings.size() == 1);
  CHECK_THAT(inferred.result.warnings[0],
             Catch::Contains("'y'") && Catch::Contains("[7,3]") && Catch::Contains("[2,3]"));
}

TEST_CASE("a declaration serves where there is no rule, its open dimensions are assumed") {
  ModelBuilder b;
  b.input("x", {2, 3}).declare("y", {5, -1}).node("acme.Custom", {"x"}, {"y"}).node("Relu", {"y"}, {"z"}).output("z");
  const Inferred inferred(b.build());
  CHECK(inferred.dims("z") == Dims{5, 1});
  CHECK(inferred.type("z").trust == Trust::assumed);
  REQUIRE(inferred.result.assumptions.size() == 1);
  CHECK(inferred.result.assumptions[0].symbol == "y:1");
}

TEST_CASE("a bound taints what is computed from it") {
  ModelBuilder b;
  b.input("x", {4, 5}).ints("one", {1});
  b.node("NonZero", {"x"}, {"n"}).node("Shape", {"n"}, {"s"}).node("Gather", {"s", "one"}, {"count"});
  b.node("Expand", {"value", "count"}, {"y"}).floats("value", {1}).output("y");
  const Inferred inferred(b.build());
  CHECK(inferred.dims("y") == Dims{20});
  CHECK(inferred.type("y").trust == Trust::bound);
  CHECK(inferred.type("s").trust == Trust::inferred);  // it has two elements in any case
}

TEST_CASE("constants are what no input and no chance reaches") {
  ModelBuilder b;
  b.input("x", {3}).floats("w", {1, 2, 3});
  b.node("Neg", {"w"}, {"a"})
      .node("Add", {"a", "x"}, {"b"})
      .node("RandomNormalLike", {"w"}, {"c"})
      .node("Neg", {"c"}, {"d"});
  b.output("b").output("d");
  const Inferred inferred(b.build());
  CHECK(inferred.constant("a"));
  CHECK_FALSE(inferred.constant("x"));
  CHECK_FALSE(inferred.constant("b"));
  CHECK_FALSE(inferred.constant("c"));
  CHECK_FALSE(inferred.constant("d"));
}

TEST_CASE("an opset newer than known uses the newest rules, with a warning") {
  ModelBuilder b(99);
  b.input("x", {1, 3}).ints("axes", {0}).node("Squeeze", {"x", "axes"}, {"y"}).output("y");
  const Inferred inferred(b.build());
  CHECK(inferred.dims("y") == Dims{3});
  REQUIRE(inferred.result.warnings.size() == 1);
  CHECK_THAT(inferred.result.warnings[0], Catch::Contains("opset 99 is newer than 27"));
}

TEST_CASE("warnings are counted beyond a hundred") {
  ModelBuilder b;
  b.input("x", {2});
  for (int i = 0; i < 150; ++i) {
    const std::string name = "y" + std::to_string(i);
    b.declare(name, {7}).node("Relu", {"x"}, {name}).output(name);
  }
  const Inferred inferred(b.build());
  CHECK(inferred.result.warnings.size() == 101);
  CHECK_THAT(inferred.result.warnings.back(), Catch::Contains("50 more"));
}
