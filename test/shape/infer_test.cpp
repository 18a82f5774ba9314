// SPDX-License-Identifier: Apache-2.0
// The walk itself: bindings, assumptions, trust, constants, contradictions.
#include "shape/infer.h"

#include <catch2/catch.hpp>

#include "base/error.h"
#include "support/model_builder.h"

using namespace allot;
using namespace allot::test;
using shape::Bindings;
using shape::Trust;
using Dims = std::vector<int64_t>;

namespace {

/// A model with its inference.
struct Inferred {
  ir::Model model;
  ir::Values values;
  shape::Result result;

  explicit Inferred(ir::Model m, const Bindings& bindings = {})
      : model(std::move(m)), values(ir::resolve(model)), result(shape::infer(model, values, bindings)) {}

  const shape::ValueType& type(const std::string& name) const { return result.types[values.find(name)]; }
  const Dims& dims(const std::string& name) const { return type(name).dims; }
  std::vector<double> content(const std::string& name) const { return result.content[values.find(name)].data; }
  bool constant(const std::string& name) const { return result.constant[values.find(name)] != 0; }
};

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
  b.input("x", {-1, 12, 64}).ints("zero", {0}).ints("minus", {-1}).ints("heads", {4});
  b.node("Shape", {"x"}, {"s"}).node("Gather", {"s", "zero"}, {"batch"});
  b.node("Concat", {"batch", "minus", "heads", "heads2"}, {"target"}, {attr("axis", 0)}).ints("heads2", {16});
  b.node("Reshape", {"x", "target"}, {"r"}).node("Transpose", {"r"}, {"y"}, {attr("perm", {0, 2, 1, 3})}).output("y");
  Bindings bindings;
  bindings.dims["x:0"] = 5;
  const Inferred inferred(b.build(), bindings);
  CHECK(inferred.content("target") == std::vector<double>{5, -1, 4, 16});
  CHECK(inferred.dims("y") == Dims{5, 4, 12, 16});
  CHECK_FALSE(inferred.constant("s"));
}
